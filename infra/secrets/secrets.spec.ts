import { chmodSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { TestStack } from '@stack/testing';
import { secrets } from './module';

describe('secrets', () => {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await TestStack.start();
  });
  afterAll(() => stack.remove());

  it('takes from everybody else what a copy has opened to them', async () => {
    const dir = stack.resolve(secrets.output('dir'));
    mkdirSync(path.join(dir, 'shop'), { recursive: true });
    writeFileSync(path.join(dir, 'shop', 'key'), 'x', { mode: 0o644 });
    chmodSync(path.join(dir, 'shop'), 0o755);
    await stack.deploy('secrets');
    const mode = (file: string) => statSync(path.join(dir, file)).mode & 0o777;
    expect([mode('.'), mode('shop'), mode('shop/key')]).toEqual([0o700, 0o700, 0o600]);
  });
});
