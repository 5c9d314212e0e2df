/**
 * A deploy in Docker with nothing to do against `docker compose up -d` with nothing to do, alternating: the same services and
 * images, in a stack each. An empty executor over the same graph says what of it is Nx's own.
 */
import { findWorkspace } from '@stack/runtime';
import { execa } from 'execa';
import { median, seconds, timed } from './timing';

const cwd = findWorkspace();
const RUNS = 7;
const [ours, theirs] = ['bench-docker', 'bench-compose'];

const nx = (target: string, ...args: string[]) =>
  execa('npx', ['nx', 'run-many', '-t', target, ...args], {
    cwd,
    // In a container Nx leaves its daemon out, and lays cached builds out anew each time.
    env: { STACK: ours, NX_DAEMON: 'true' },
    stdio: 'ignore',
  });
const stack = (name: string, ...args: string[]) =>
  execa(process.execPath, ['tools/cli/bin/stack.cjs', ...args], { cwd, env: { STACK: name } });
const compose = (...args: string[]) =>
  execa('docker', ['compose', '-f', `dist/compose/${theirs}/compose.yaml`, ...args], { cwd });

async function main(): Promise<void> {
  const { failed } = await execa('docker', ['compose', 'version'], { reject: false });
  if (failed) return console.log('left out: there is no docker compose here');
  try {
    await nx('deploy', '-c', 'docker');
    await stack(theirs, 'compose');
    await compose('up', '-d', '--wait');
    const deploys: number[] = [];
    const ups: number[] = [];
    const empty: number[] = [];
    for (let i = 0; i < RUNS; i++) {
      empty.push(await timed(() => nx('bench-noop')));
      deploys.push(await timed(() => nx('deploy', '-c', 'docker')));
      ups.push(await timed(() => compose('up', '-d')));
    }
    const [deploy, up, noop] = [deploys, ups, empty].map(median);
    console.log(
      `in Docker, nothing to do: deploy ${seconds(deploy)}, docker compose up -d ${seconds(up)}, ratio ${(deploy / up).toFixed(2)} (target 1.5); an empty executor ${seconds(noop)}`,
    );
  } finally {
    await compose('down', '--volumes').catch(() => undefined);
    await stack(ours, 'reset', '--yes').catch(() => undefined);
  }
}

void main();
