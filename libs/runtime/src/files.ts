import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import * as path from 'node:path';

/** Writes the file if its content differs: temporary name, then rename. True when it was written. */
export function writeIfChanged(file: string, content: string, mode = 0o644): boolean {
  if (existsSync(file) && readFileSync(file, 'utf8') === content) return false;
  mkdirSync(path.dirname(file), { recursive: true });
  const temporary = `${file}.${process.pid}.tmp`;
  writeFileSync(temporary, content, { mode, flush: true });
  chmodSync(temporary, mode);
  renameSync(temporary, file);
  return true;
}

/** Parsed JSON; undefined when there is no such file. */
export function readJson<T>(file: string): T | undefined {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as T) : undefined;
}

/** Every `*.json` of a folder, parsed, by name; empty when there is no such folder. */
export function readJsonFiles<T>(folder: string): T[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .flatMap((name) => readJson<T>(path.join(folder, name)) ?? []);
}

export const sha256 = (content: string | Buffer): string =>
  createHash('sha256').update(content).digest('hex');

/** Never part of what a unit is. */
const IGNORED = new Set([
  'node_modules',
  '__pycache__',
  '.DS_Store',
  'target',
  'logs',
  'dbt_packages',
  '.pytest_cache',
  '.ruff_cache',
]);

/**
 * Digest of the content of files and folders, in a fixed order. A missing one counts as such.
 * @param from folder that names count from: the same content elsewhere has the same digest
 */
export function digest(paths: readonly string[], from = '/'): string {
  const hash = createHash('sha256');
  const visit = (file: string) => {
    const name = path.relative(from, file);
    if (!existsSync(file)) {
      hash.update(`${name}\0missing\0`);
    } else if (statSync(file).isDirectory()) {
      for (const name of readdirSync(file).sort()) if (!IGNORED.has(name)) visit(path.join(file, name));
    } else {
      hash.update(`${name}\0`).update(readFileSync(file)).update('\0');
    }
  };
  paths.forEach(visit);
  return hash.digest('hex');
}
