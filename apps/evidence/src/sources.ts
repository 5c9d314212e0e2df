import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** One query whose result the pages read as `<source>.<name>`: the file `sources/<source>/<name>.sql` of the site. */
export interface SourceQuery {
  source: string;
  name: string;
  /** A SELECT over the tables of the snapshot. */
  sql: string;
}

/** Names become parts of addresses and of SQL in the browser. */
const NAME = /^[a-z][a-z0-9_]*$/;

/** Every source query of the site, sorted by name. @throws Error when a name has other characters than a–z, 0–9 and _ */
export async function readSourceQueries(dir: string): Promise<SourceQuery[]> {
  const files = await readdir(dir, { recursive: true });
  const queries = files.filter((file) => file.endsWith('.sql')).sort();
  return Promise.all(
    queries.map(async (file) => {
      const [source, name, ...rest] = file.slice(0, -'.sql'.length).split(/[\\/]/);
      if (!source || !name || rest.length > 0 || !NAME.test(source) || !NAME.test(name)) {
        throw new Error(`sources/${file}: it takes sources/<source>/<name>.sql, names of a–z, 0–9 and _`);
      }
      return { source, name, sql: (await readFile(join(dir, file), 'utf8')).trim().replace(/;$/, '') };
    }),
  );
}
