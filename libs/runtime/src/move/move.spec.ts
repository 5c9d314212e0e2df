import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { startTime } from '@stack/supervisor';
import { type Header, extract } from 'tar-stream';
import { type StackPaths, stackPaths } from '../stack';
import { differences, inventory, packFolder, unpackFolder } from './archive';
import type { Part } from './parts';
import { sideOf } from './sides';
import { readMove, refuseElsewhere, writeMove } from './state';

const home = mkdtempSync(path.join(tmpdir(), 'move-'));
afterAll(() => rmSync(home, { recursive: true }));

describe('a folder that moves', () => {
  const part = (folder: string): Part => ({
    name: 'shop/data',
    folder: path.join(home, folder),
    mount: { volume: 'shop_data', target: '/srv/data' },
    inside: '/srv/data',
    image: 'shop:1',
    uid: 10001,
    gid: 10001,
    whole: false,
    yours: false,
    holds: (relative) => relative.split('/')[0] !== 'left',
  });
  const [here, there] = [part('here'), part('there')];
  const of = (one: Part) => inventory(one, packFolder(one));

  beforeAll(async () => {
    const at = (name: string) => path.join(here.folder, name);
    mkdirSync(at('deep/empty'), { recursive: true });
    mkdirSync(at('left'));
    writeFileSync(at('left/behind'), 'x');
    writeFileSync(at('deep/secret'), 'a', { mode: 0o600 });
    writeFileSync(at('große Datei'), Buffer.alloc(3_000_000, 'b'));
    symlinkSync('secret', at('deep/link'));
    utimesSync(at('deep/secret'), 1_700_000_000.25, 1_700_000_000.25);
    await unpackFolder(there, packFolder(here));
  });

  it('arrives with all that it holds, as it was', async () => {
    const [sent, arrived] = [await of(here), await of(there)];
    expect([...arrived.keys()].sort()).toEqual([
      'deep',
      'deep/empty',
      'deep/link',
      'deep/secret',
      'große Datei',
    ]);
    expect(differences(sent, arrived)).toEqual([]);
    expect(readlinkSync(path.join(there.folder, 'deep/link'))).toBe('secret');
    expect(lstatSync(path.join(there.folder, 'deep/secret')).mode & 0o777).toBe(0o600);
  });

  it('is its container’s user’s in the archive, with times as precise as they are', async () => {
    const entries = extract();
    const reading = pipeline(packFolder(here), entries);
    const found = new Map<string, Header>();
    for await (const entry of entries) {
      found.set(entry.header.name, entry.header);
      entry.resume();
    }
    await reading;
    expect(found.get('data/deep/secret')).toMatchObject({
      uid: 10001,
      gid: 10001,
      pax: { mtime: '1700000000.250000000' },
    });
  });

  it('takes the place of what was there, which is kept where it was the user’s own', async () => {
    const said: string[] = [];
    const native = sideOf('native', stackPaths(home, {}), undefined as never, (line) => said.push(line));
    const [data, notebooks] = [part('old'), { ...part('notebooks'), yours: true }];
    for (const { folder } of [data, notebooks]) {
      mkdirSync(folder);
      writeFileSync(path.join(folder, 'mine'), 'x');
    }
    for (const one of [data, notebooks]) await native.clear(one);
    expect([await native.has(data), await native.has(notebooks)]).toEqual([false, false]);
    const aside = readdirSync(home).filter((name) => name.startsWith('notebooks.'));
    expect(aside.map((name) => readdirSync(path.join(home, name)))).toEqual([['mine']]);
    expect(said).toEqual([expect.stringContaining(aside[0])]);
    await native.clear(notebooks);
    expect(readdirSync(home).filter((name) => name.startsWith('notebooks.'))).toEqual(aside);
  });

  it('isn’t the same when a byte differs', async () => {
    const sent = await of(here);
    writeFileSync(path.join(there.folder, 'deep/secret'), 'b');
    expect(differences(sent, await of(there))).toEqual(['deep/secret']);
    expect(readFileSync(path.join(here.folder, 'deep/secret'), 'utf8')).toBe('a');
  });
});

describe('a stack that was moved', () => {
  const stack: StackPaths = stackPaths(undefined, { STACK: 'moved', STACK_HOME: home });
  const file = path.join(stack.dir, 'moved.json');
  const problem = (runtime: 'native' | 'docker') => {
    try {
      refuseElsewhere(stack, runtime);
      return undefined;
    } catch (error) {
      return (error as { code: string }).code;
    }
  };
  const by = (who: { pid: number; start: string | undefined }) =>
    writeFileSync(file, JSON.stringify({ ...readMove(stack), ...who }));

  it('is used where its data is, and nowhere else', () => {
    expect([problem('native'), problem('docker')]).toEqual([undefined, undefined]);
    writeMove(stack, { from: 'native', to: 'docker', done: true });
    expect([problem('native'), problem('docker')]).toEqual(['MOVED', undefined]);
    writeMove(stack, { from: 'docker', to: 'native', done: true });
    expect([problem('native'), problem('docker')]).toEqual([undefined, 'MOVED']);
  });

  it('is left alone by others while it is moved', () => {
    writeMove(stack, { from: 'native', to: 'docker', done: false });
    expect([problem('native'), problem('docker')]).toEqual([undefined, undefined]);
    by({ pid: process.ppid, start: startTime(process.ppid) });
    expect([problem('native'), problem('docker')]).toEqual(['MOVING', 'MOVING']);
  });

  it('is still where it was when the move was interrupted', () => {
    writeMove(stack, { from: 'native', to: 'docker', done: false });
    by({ pid: 2 ** 22 + 1, start: '1' });
    expect([problem('native'), problem('docker')]).toEqual([undefined, 'HALF_MOVED']);
  });
});
