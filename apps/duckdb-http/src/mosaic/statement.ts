import { RequestError } from '@stack/http-server';
import { identifier } from '@stack/snapshot';

/** The schema in which Mosaic keeps what it has aggregated before. */
export const SCHEMA = 'mosaic';

/** One thing that `exec` may do. */
export type Statement =
  /** Nothing: the schema is there already. */
  | { kind: 'none' }
  /** `sql` makes a temporary object of `select`, which is to be checked as any query is. */
  | { kind: 'create'; select: string; sql: string }
  | { kind: 'drop'; sql: string };

const NAME = '(?:"(?:[^"]|"")+"|[a-z_][a-z0-9_$]*)';
const CREATE = new RegExp(
  `^\\s*CREATE\\s+(OR\\s+REPLACE\\s+)?((?:TEMP|TEMPORARY)\\s+)?(TABLE|VIEW)\\s+(IF\\s+NOT\\s+EXISTS\\s+)?(?:(${NAME})\\.)?(${NAME})\\s+AS\\s+([^]+)$`,
  'i',
);
const CREATE_SCHEMA = new RegExp(
  `^\\s*CREATE\\s+SCHEMA\\s+(?:IF\\s+NOT\\s+EXISTS\\s+)?"?${SCHEMA}"?\\s*$`,
  'i',
);
const DROP = new RegExp(
  `^\\s*DROP\\s+(TABLE|VIEW)\\s+(IF\\s+EXISTS\\s+)?(?:(${NAME})\\.)?(${NAME})\\s*$`,
  'i',
);
const DROP_SCHEMA = new RegExp(
  `^\\s*DROP\\s+SCHEMA\\s+(?:IF\\s+EXISTS\\s+)?"?${SCHEMA}"?(?:\\s+CASCADE)?\\s*$`,
  'i',
);

/**
 * What a text for `exec` asks for. It is read only as far as needed, and written anew: only the SELECT in it reaches
 * the engine as it came.
 *
 * @throws RequestError when it is anything else than temporary objects
 */
export function readStatement(sql: string): Statement {
  if (CREATE_SCHEMA.test(sql)) return { kind: 'none' };
  // The engine would drop the schema's database.
  if (DROP_SCHEMA.test(sql)) return { kind: 'none' };
  const create = CREATE.exec(sql);
  if (create) {
    const [, replace = '', temp, kind, unless = '', schema, name, select] = create;
    const place = placeOf(temp !== undefined, schema, sql);
    const object = `${replace}${place.temp}${kind} ${unless}${place.schema}${quoted(name!)}`;
    return { kind: 'create', select: select!, sql: `CREATE ${object} AS (\n${select!}\n)` };
  }
  const drop = DROP.exec(sql);
  if (drop) {
    const [, kind, unless = '', schema, name] = drop;
    const where = schema === undefined ? 'temp.' : placeOf(false, schema, sql).schema;
    return { kind: 'drop', sql: `DROP ${kind} ${unless}${where}${quoted(name!)}` };
  }
  throw notTemporary(sql);
}

function placeOf(
  isTemporary: boolean,
  schema: string | undefined,
  sql: string,
): { temp: string; schema: string } {
  const plain = schema?.replaceAll('"', '').toLowerCase();
  if (plain === undefined && isTemporary) return { temp: 'TEMP ', schema: '' };
  if (plain === 'temp') return { temp: 'TEMP ', schema: '' };
  if (plain === SCHEMA && !isTemporary) return { temp: '', schema: `${SCHEMA}.` };
  throw notTemporary(sql);
}

function notTemporary(sql: string): RequestError {
  return new RequestError(
    403,
    'exec_not_allowed',
    `exec makes and drops temporary objects only, not: ${sql.slice(0, 200)}`,
    { remedy: `CREATE TEMP TABLE|VIEW name AS SELECT …, or the same as ${SCHEMA}.name` },
  );
}

const quoted = (name: string): string =>
  identifier(name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name);

/** The statements of a text, split where Mosaic joins them. Each is read by itself, so a wrong cut only fails. */
export function splitStatements(sql: string): string[] {
  return sql
    .split(/;\s*(?:\n|$)/)
    .map((one) => one.trim())
    .filter(Boolean);
}
