import { execa } from 'execa';

/** Runs a target of every project that has it, shown as it goes; false when it failed. */
export async function nx(
  workspace: string,
  target: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<boolean> {
  const { failed } = await execa('npx', ['nx', 'run-many', '-t', target, '--outputStyle=stream', ...args], {
    cwd: workspace,
    env,
    stdio: 'inherit',
    reject: false,
  });
  return !failed;
}
