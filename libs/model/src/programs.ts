import type { PlanContext, ProcessPlan } from './plan';
import type { Probe } from './probes';
import { bytesOf } from './units';

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

/**
 * The same, with an end to the memory that it may take: more is refused to it by the operating system, so that one
 * who takes too much fails, and not the machine. Linux keeps to it; elsewhere it does nothing.
 *
 * @param memory of its data, such as `2Gi`: what it has asked for, which is more than what it uses
 */
export function withMemoryLimit(plan: ProcessPlan, memory: string): ProcessPlan {
  const kib = Math.floor(bytesOf(memory) / 1024);
  const script = `ulimit -d ${kib} 2>/dev/null; exec "$@"`;
  return { ...plan, command: '/bin/sh', args: ['-c', script, 'sh', plan.command, ...(plan.args ?? [])] };
}

/** Asks an HTTP probe from inside an image that has Node; fails when the answer isn't 2xx, or lacks what the probe looks for. */
export const nodeHealth = (probe: Probe, port: number, host: string): string[] | undefined =>
  asked(probe, port, host, ({ url, body, contains }) => {
    const options = body && { method: 'POST', headers: { 'content-type': 'application/json' }, body };
    const right = `r.ok && (await r.text()).includes(${JSON.stringify(contains)})`;
    const ask = `fetch(${[url, ...(options ? [options] : [])].map((part) => JSON.stringify(part)).join(', ')})`;
    return ['node', '-e', `${ask}.then(async r => process.exit(${right} ? 0 : 1), () => process.exit(1))`];
  });

/** The same from inside an image that has Python; gRPC's health service too, where it has that package. */
export const pythonHealth = (probe: Probe, port: number, host: string): string[] | undefined => {
  if (probe.type === 'grpc') {
    const stub = `S(grpc.insecure_channel("${host}:${port}"))`;
    return [
      'python3',
      '-c',
      'import sys, grpc; from grpc_health.v1.health_pb2 import HealthCheckRequest as R; ' +
        'from grpc_health.v1.health_pb2_grpc import HealthStub as S; ' +
        `sys.exit(${stub}.Check(R(service=${JSON.stringify(probe.service)}), timeout=4).status != 1)`,
    ];
  }
  return asked(probe, port, host, ({ url, body, contains }) => {
    const request = body
      ? `${JSON.stringify(url)}, ${JSON.stringify(body)}.encode(), {"content-type": "application/json"}`
      : JSON.stringify(url);
    const answer = `r.urlopen(r.Request(${request}), timeout=4).read().decode()`;
    return [
      'python3',
      '-c',
      `import sys, urllib.request as r; sys.exit(${JSON.stringify(contains)} not in ${answer})`,
    ];
  });
};

/** The same from inside an image that has curl. */
export const curlHealth = (probe: Probe, port: number, host: string): string[] | undefined =>
  asked(probe, port, host, ({ url, contains }) =>
    contains
      ? ['sh', '-c', `curl -fsS '${url}' | grep -qF '${contains}'`]
      : ['curl', '-fsS', '-o', '/dev/null', url],
  );

/** The same from inside an image that has wget, as BusyBox has it. */
export const wgetHealth = (probe: Probe, port: number, host: string): string[] | undefined =>
  asked(probe, port, host, ({ url }) => ['wget', '-q', '-O', '/dev/null', url]);

interface Question {
  readonly url: string;
  readonly body?: string;
  /** What the answer has; empty: anything. */
  readonly contains: string;
}

const asked = (probe: Probe, port: number, host: string, command: (question: Question) => string[]) =>
  probe.type === 'http'
    ? command({
        url: `http://${host}:${port}${probe.path}`,
        body: probe.body,
        contains: probe.contains ?? '',
      })
    : undefined;
