/** A container's log. */
import { PassThrough } from 'node:stream';
import { StackError } from '@stack/model';
import type Docker from 'dockerode';

/** Its last lines, as far as it wrote any. */
export async function lastLines(docker: Docker, container: string, lines: number): Promise<string[]> {
  const raw = await docker.getContainer(container).logs({ stdout: true, stderr: true, tail: lines });
  const text: string[] = [];
  for (let at = 0; at + 8 <= raw.length;) {
    // The engine's frames: which stream, then four bytes of length.
    const length = raw.readUInt32BE(at + 4);
    text.push(raw.subarray(at + 8, at + 8 + length).toString());
    at += 8 + length;
  }
  return text
    .join('')
    .split('\n')
    .filter((line) => line.trim())
    .slice(-lines);
}

/** Writes the containers' logs to the terminal, each line after the container's name; with `follow` until they end. */
export async function showContainerLogs(
  docker: Docker,
  containers: readonly string[],
  { lines, follow }: { lines: number; follow: boolean },
): Promise<void> {
  const there = await docker.listContainers({ all: true });
  const missing = containers.filter((name) => !there.some(({ Names }) => Names.includes(`/${name}`)));
  if (missing.length === containers.length)
    throw new StackError(
      'NO_CONTAINER',
      `${missing.join(', ')}: there is no such container any more`,
      'make deploy-local RUNTIME=docker makes it again, with its data',
    );
  const width = Math.max(...containers.map((name) => name.length));
  await Promise.all(
    containers
      .filter((name) => !missing.includes(name))
      .map(async (name) => {
        const write = (to: NodeJS.WriteStream) => {
          let rest = '';
          const stream = new PassThrough();
          stream.on('data', (chunk: Buffer) => {
            const parts = (rest + chunk.toString()).split('\n');
            rest = parts.pop() ?? '';
            for (const part of parts) to.write(`${name.padEnd(width)} ${part}\n`);
          });
          return stream;
        };
        const options = { stdout: true, stderr: true, tail: lines };
        const container = docker.getContainer(name);
        const out = write(process.stdout);
        if (!follow) {
          (await lastLines(docker, name, lines)).forEach((line) => out.write(`${line}\n`));
          return;
        }
        const stream = await container.logs({ ...options, follow: true });
        docker.modem.demuxStream(stream, out, write(process.stderr));
        await new Promise((done) => stream.on('end', done));
      }),
  );
}
