/**
 * The command that prints a secret, as it has to be typed for this stack: STACK_NAME says which.
 *
 * @example secretCommand('duckdb-http', 'token') // make STACK=shop -s secret s=duckdb-http k=token
 */
export function secretCommand(unit: string, key: string, env: NodeJS.ProcessEnv = process.env): string {
  const { STACK_NAME: stack = 'local' } = env;
  return `make ${stack === 'local' ? '' : `STACK=${stack} `}-s secret s=${unit} k=${key}`;
}
