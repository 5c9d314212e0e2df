import {
  BIGINT,
  BOOLEAN,
  DOUBLE,
  type DuckDBPreparedStatement,
  type DuckDBType,
  VARCHAR,
} from '@duckdb/node-api';
import { RequestError } from '@stack/http-server';

/** What a parameter may be: whole numbers bind as BIGINT, others as DOUBLE, texts as VARCHAR (DuckDB casts them). */
export type Parameter = string | number | boolean | null;
export type Parameters = Parameter[] | Record<string, Parameter>;

/**
 * Binds the parameters of a request: a list for `?` and `$1`, an object for `$name`.
 *
 * @throws RequestError when one is missing, too many, or has no such name
 */
export function bindParameters(statement: DuckDBPreparedStatement, parameters: Parameters): void {
  const names = Array.from({ length: statement.parameterCount }, (_, i) => statement.parameterName(i + 1));
  const given = Array.isArray(parameters)
    ? Object.fromEntries(parameters.map((value, i) => [String(i + 1), value]))
    : parameters;
  const missing = names.filter((name) => !Object.hasOwn(given, name));
  const strange = Object.keys(given).filter((name) => !names.includes(name));
  if (missing.length > 0 || strange.length > 0) {
    const parts = [
      missing.length > 0 ? `without a value: ${missing.join(', ')}` : '',
      strange.length > 0 ? `not in the SQL: ${strange.join(', ')}` : '',
    ];
    throw new RequestError(400, 'invalid_params', `parameters ${parts.filter(Boolean).join('; ')}`, {
      remedy: 'send a list for ? and $1, an object for $name',
    });
  }
  for (const [i, name] of names.entries()) {
    const value = given[name];
    if (typeof value === 'number' && Number.isInteger(value) && Math.abs(value) > Number.MAX_SAFE_INTEGER)
      throw new RequestError(
        400,
        'invalid_params',
        `parameter ${name}: JSON’s readers change whole numbers as large as ${value}`,
        {
          remedy: `send it as a text, "…", and cast it where the SQL needs a number: CAST(? AS BIGINT)`,
        },
      );
    if (value === null || value === undefined) statement.bindNull(i + 1);
    else statement.bindValue(i + 1, isWhole(value) ? BigInt(value) : value, typeOf(value));
  }
}

function isWhole(value: Parameter): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value);
}

function typeOf(value: string | number | boolean): DuckDBType {
  if (typeof value === 'string') return VARCHAR;
  if (typeof value === 'boolean') return BOOLEAN;
  return isWhole(value) ? BIGINT : DOUBLE;
}
