import type { PlanContext, ProcessPlan } from './plan';
import type { Probe } from './probes';

/** How a program of ours, bundled by its `build`, is started natively; a new build restarts it. */
export function nodeProgram(context: PlanContext, options: Partial<ProcessPlan> = {}): ProcessPlan {
  const program = `${context.dist}/main.cjs`;
  return {
    command: process.execPath,
    args: [program],
    ...options,
    sources: [program, ...(options.sources ?? [])],
  };
}

/** Asks an HTTP probe from inside an image that has Node; fails when the answer isn't 2xx. */
export const nodeHealth = (probe: Probe, port: number): string[] | undefined =>
  asked(probe, port, ([url, body]) => [
    'node',
    '-e',
    `fetch(${JSON.stringify(url)}${body ? `, {method: 'POST', headers: {'content-type': 'application/json'}, body: ${JSON.stringify(body)}}` : ''}).then(r => process.exit(r.ok ? 0 : 1), () => process.exit(1))`,
  ]);

/** The same from inside an image that has Python. */
export const pythonHealth = (probe: Probe, port: number): string[] | undefined =>
  asked(probe, port, ([url, body]) => [
    'python',
    '-c',
    `import urllib.request as r; r.urlopen(r.Request(${JSON.stringify(url)}${body ? `, ${JSON.stringify(body)}.encode(), {"content-type": "application/json"}` : ''}), timeout=4)`,
  ]);

const asked = (probe: Probe, port: number, command: (request: [url: string, body?: string]) => string[]) =>
  probe.type === 'http' ? command([`http://127.0.0.1:${port}${probe.path}`, probe.body]) : undefined;
