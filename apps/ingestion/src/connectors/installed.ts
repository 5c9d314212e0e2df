import { constants } from 'node:fs';
import { access, readFile, readdir, stat } from 'node:fs/promises';
import * as path from 'node:path';

export interface Connector {
  /** `source-faker`; its package is `airbyte-source-faker`. */
  name: string;
  program: string;
  version: string;
  /** Changes when its program does. */
  key: string;
  /** Its answer to `spec`, where the installation kept it. */
  spec?: string;
}

const NAME = /^source-[a-z0-9-]+$/;

/** The connectors that are installed, each as `<folder>/<name>/bin/<name>` below one of the folders. */
export class Connectors {
  constructor(private readonly folders: readonly string[]) {}

  async find(name: string): Promise<Connector | undefined> {
    if (!NAME.test(name)) return undefined;
    for (const folder of this.folders) {
      const home = path.join(folder, name);
      const program = path.join(home, 'bin', name);
      try {
        await access(program, constants.X_OK);
      } catch {
        continue;
      }
      const read = (file: string) => readFile(path.join(home, file), 'utf8').catch(() => '');
      const version = (await read('version')).trim();
      const { mtimeMs } = await stat(program);
      return {
        name,
        program,
        version,
        key: `${version} ${mtimeMs}`,
        spec: (await read('spec.json')) || undefined,
      };
    }
    return undefined;
  }

  async names(): Promise<string[]> {
    const names = await Promise.all(this.folders.map((folder) => readdir(folder).catch((): string[] => [])));
    const found = await Promise.all([...new Set(names.flat())].map((name) => this.find(name)));
    return found.flatMap((connector) => connector?.name ?? []).sort();
  }
}
