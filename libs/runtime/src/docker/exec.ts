/** A command in a running container. */
import { PassThrough } from 'node:stream';
import type Docker from 'dockerode';

export interface Written {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Its exit status and what it wrote. */
export async function execIn(docker: Docker, container: string, argv: readonly string[]): Promise<Written> {
  const exec = await docker.getContainer(container).exec({
    Cmd: [...argv],
    AttachStdout: true,
    AttachStderr: true,
  });
  const stream = await exec.start({});
  const written = { stdout: '', stderr: '' };
  const into = (key: 'stdout' | 'stderr') =>
    new PassThrough().on('data', (chunk: Buffer) => (written[key] += chunk.toString()));
  docker.modem.demuxStream(stream, into('stdout'), into('stderr'));
  await new Promise((done) => stream.on('end', done));
  const { ExitCode } = await exec.inspect();
  return { exitCode: ExitCode ?? 1, ...written };
}
