/** Generated secrets: one file each, mode 0600, made on first use and never again. */
import { randomBytes } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import type { GeneratedSecret } from '@stack/model';
import type { StackPaths } from '../stack';

export const secretFile = (stack: StackPaths, unit: string, key: string): string =>
  path.join(stack.secrets, unit, key);

/** The secret's file. `link` makes it appear whole and only once, whoever asks at the same time. */
export function ensureSecret(stack: StackPaths, unit: string, key: string, spec: GeneratedSecret): string {
  const file = secretFile(stack, unit, key);
  if (existsSync(file)) return file;
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  const mine = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  writeFileSync(mine, randomBytes(spec.bytes).toString('base64url'), { mode: 0o600, flush: true });
  try {
    linkSync(mine, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    unlinkSync(mine);
  }
  return file;
}

export const readSecret = (stack: StackPaths, unit: string, key: string, spec: GeneratedSecret): string =>
  readFileSync(ensureSecret(stack, unit, key, spec), 'utf8').trim();
