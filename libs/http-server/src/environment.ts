/** Settings of a program, read from its environment. */

/** @throws Error when it isn't set */
export function required(env: NodeJS.ProcessEnv, name: string): string {
  const value = env[name];
  if (!value) throw new Error(`the environment variable ${name} is not set: \`stack\` sets it on deploy`);
  return value;
}

/** A whole number above 0, or `otherwise` when it isn't set. @throws Error when it is something else */
export function whole(env: NodeJS.ProcessEnv, name: string, otherwise: number): number {
  const text = env[name];
  if (text === undefined || text === '') return otherwise;
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new Error(`${name}=${text}: it takes a whole number above 0`);
}
