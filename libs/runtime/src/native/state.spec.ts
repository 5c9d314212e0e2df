import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { type Service, StackError, type Unit } from '@stack/model';
import { digest, writeIfChanged } from '../files';
import { type StackPaths, forStack, makeStackDir, stackPaths } from '../stack';
import { findExecutable } from './executables';
import { Ports, portBlock, unknownPortVariables } from './ports';
import { volumeDir } from './resolver';
import { ensureSecret, readSecret } from './secrets';

let home: string;
let stack: StackPaths;
beforeEach(() => {
  home = mkdtempSync(path.join(tmpdir(), 'state-'));
  stack = stackPaths(home, { STACK: 'acme', STACK_HOME: home });
  makeStackDir(stack);
});
afterEach(() => rmSync(home, { recursive: true }));

describe('a secret', () => {
  const spec = { generated: true, bytes: 24 } as const;

  it('is made once, whoever asks, and only its owner can read it', () => {
    const first = readSecret(stack, 'shop', 'token', spec);
    expect(first).toMatch(/^[\w-]{32}$/);
    expect(readSecret(stack, 'shop', 'token', spec)).toBe(first);
    expect(statSync(ensureSecret(stack, 'shop', 'token', spec)).mode & 0o777).toBe(0o600);
    expect(readdirSync(path.join(stack.secrets, 'shop'))).toEqual(['token']);
    expect(readSecret(stack, 'other', 'token', spec)).not.toBe(first);
  });
});

describe('a volume with the user’s own files', () => {
  const service = { name: 'shop', yours: ['files'] } as unknown as Service;

  it('is a folder that they see, of its own for each stack, which no reset deletes', () => {
    const folder = (env: NodeJS.ProcessEnv) => volumeDir(stackPaths(home, env), service, 'files');
    expect(folder({})).toBe(path.join(home, 'data/files'));
    expect(folder({ STACK: 'acme' })).toBe(path.join(home, 'data/acme/files'));
    expect(volumeDir(stackPaths(home, {}), service, 'rest')).toBe(
      path.join(home, '.stack/local/data/shop/rest'),
    );
  });

  it('is beside the stack where that lies elsewhere, so that a reset leaves it', () => {
    const elsewhere = path.join(tmpdir(), 'elsewhere');
    expect(volumeDir(stackPaths(home, { STACK_HOME: elsewhere }), service, 'files')).toBe(
      path.join(elsewhere, 'local.files/files'),
    );
  });
});

describe('ports', () => {
  it('of a stack with a name lie in a hundred of its own, below those of outgoing connections', () => {
    for (const name of ['acme', 'client-a', 'x', 'a-very-long-name']) {
      expect(portBlock(name)).toBeGreaterThanOrEqual(10_000);
      expect(portBlock(name) + 99).toBeLessThan(32_768);
    }
    const ports = new Ports(stack, {});
    const numbers = ['a', 'b', 'c'].map((unit) => ports.number(unit, 'http', 80));
    expect(new Set(numbers).size).toBe(3);
    expect(new Ports(stack, {}).number('b', 'http', 80)).toBe(numbers[1]);
  });

  it('that a user fixes are taken as they are, and nonsense is refused', () => {
    expect(new Ports(stack, { PORT_DUCKDB_HTTP_WEB: '4321' }).number('duckdb-http', 'web', 80)).toBe(4321);
    // Gone with its variable; and who doesn't deploy sees what was deployed.
    expect(new Ports(stack).number('duckdb-http', 'web', 80)).toBe(4321);
    expect(new Ports(stack, {}).number('duckdb-http', 'web', 80)).toBeGreaterThanOrEqual(10_000);
    expect(() => new Ports(stack, { PORT_A_WEB: 'abc' }).number('a', 'web', 80)).toThrow(
      'PORT_A_WEB=abc is no port',
    );
  });
});

describe('ports of the stack local', () => {
  it("are the definition's, follow it when it changes, and are free again when the unit is destroyed", () => {
    stack = { ...stack, name: 'local' };
    expect(new Ports(stack, {}).number('a', 'web', 1080)).toBe(1080);
    expect(new Ports(stack, {}).number('b', 'web', 1080)).toBe(1081);
    expect(new Ports(stack, {}).number('a', 'web', 1090)).toBe(1090);
    new Ports(stack, {}).forget('b');
    expect(new Ports(stack, {}).number('b', 'web', 1080)).toBe(1080);
  });

  it('that a variable names but no unit has are told', () => {
    const units = [{ kind: 'service', name: 'a', ports: { web: { number: 1 } } }] as unknown as Unit[];
    expect(unknownPortVariables(units, { PORT_A_WEB: '1', PORT_A_WBE: '2', PORT: '3' })).toEqual([
      'PORT_A_WBE fixes no port; those that there are: PORT_A_WEB',
    ]);
  });
});

describe('a stack', () => {
  it.each(['Bad', '-x', 'a/b', 'a b', 'x'.repeat(31)])('is not called %s', (STACK) => {
    expect(() => stackPaths(home, { STACK })).toThrow(StackError);
  });
});

describe('a digest', () => {
  it('follows content, not time, and what a build leaves is no part of it', () => {
    const file = path.join(home, 'code.py');
    writeFileSync(file, 'one');
    const before = digest([home]);
    writeFileSync(file, 'one');
    writeIfChanged(path.join(home, '__pycache__', 'code.pyc'), 'x');
    expect(digest([home])).toBe(before);
    writeFileSync(file, 'two');
    expect(digest([home])).not.toBe(before);
  });
});

describe('a program', () => {
  it("is found in the project's own environment first", () => {
    const own = path.join(home, '.venv', 'bin', 'git');
    writeIfChanged(own, '#!/bin/sh');
    chmodSync(own, 0o755);
    expect(findExecutable(home, 'git')).toBe(own);
    expect(() => findExecutable(home, 'no-such-program')).toThrow("no-such-program isn't installed");
  });
});

describe('a remedy', () => {
  it('names the stack that it is for, unless that is the usual one', () => {
    expect(forStack('→ make deploy-local', 'local')).toBe('→ make deploy-local');
    expect(forStack('mend it, then make deploy-local; make -s secret s=a k=b', 'acme')).toBe(
      'mend it, then make STACK=acme deploy-local; make STACK=acme -s secret s=a k=b',
    );
  });
});
