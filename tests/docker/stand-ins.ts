/** Images in place of those that can't be had where no registry is reached, made from the definitions. */
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { type Service, insideOf, isOwnImage, probesOf } from '@stack/model';
import { Loader } from '@stack/runtime';

/** Programs of the base image; the definitions' others are the stand-in's. */
const REAL = ['sh', 'bash', 'curl', 'wget'];

/** Ours, and those that are there under another name as the same product. */
type Have = (image: string) => boolean;

/**
 * Builds a stand-in for every image that isn't there.
 * @param run the `docker` command
 * @returns image that a definition names → its stand-in
 */
export function buildStandIns(
  workspace: string,
  base: string,
  have: Have,
  run: (...args: string[]) => string,
): Record<string, string> {
  const services = new Loader(workspace).all().filter((unit): unit is Service => unit.kind === 'service');
  const built: Record<string, string> = {};
  for (const service of services)
    for (const image of imagesOf(service).filter((one) => !isOwnImage(one) && !have(one))) {
      const folder = mkdtempSync(path.join(tmpdir(), 'stand-in-'));
      layOut(workspace, service, image, folder);
      const name = `stack-test/${image.replaceAll(/[^a-z0-9.-]/g, '-')}`;
      run('build', '-q', '--build-arg', `BASE=${base}`, '-t', name, folder);
      rmSync(folder, { recursive: true });
      built[image] = name;
    }
  return built;
}

const imagesOf = ({ docker }: Service): string[] =>
  docker ? [docker.image, ...Object.values(docker.first ?? {}).flatMap(({ image }) => image ?? [])] : [];

function layOut(workspace: string, service: Service, image: string, folder: string): void {
  const root = path.join(folder, 'root');
  const at = path.join(root, 'stand-in');
  mkdirSync(at, { recursive: true });
  const source = path.join(workspace, 'tests', 'docker', 'stand-in');
  cpSync(path.join(source, 'Dockerfile'), path.join(folder, 'Dockerfile'));
  cpSync(path.join(source, 'main.cjs'), path.join(at, 'main.cjs'));
  const own = path.join(path.dirname(path.join(workspace, service.file)), 'stand-in.cjs');
  if (existsSync(own)) cpSync(own, path.join(at, 'service.cjs'));
  writeFileSync(path.join(at, 'spec.json'), JSON.stringify({ ports: portsOf(service) }));
  const once = Object.values(service.docker?.first ?? {}).filter((one) => one.image === image);
  const command = image === service.docker?.image ? (service.docker.command ?? []) : once[0].command;
  const [program] = command;
  if (!program || REAL.includes(program)) return;
  // In the base, /bin is a link to it.
  const place = program.startsWith('/')
    ? program.replace(/^\/bin\//, '/usr/bin/')
    : `usr/local/bin/${program}`;
  const file = path.join(root, place);
  mkdirSync(path.dirname(file), { recursive: true });
  // One that does its work and ends has none here.
  const does = once.length > 0 ? 'exit 0' : 'exec node /stand-in/main.cjs';
  writeFileSync(file, `#!/bin/sh\n${does}\n`, { mode: 0o755 });
}

interface Served {
  readonly protocol: string;
  readonly paths: string[];
}

/** Its ports, and those that only its health check asks. */
function portsOf(service: Service): Record<string, Served> {
  const ports: Record<string, Served> = {};
  for (const port of Object.values(service.ports))
    ports[insideOf(port)] = { protocol: port.protocol, paths: [] };
  for (const [, probe] of probesOf(service.ready)) {
    const number = insideOf(service.ports[probe.port]);
    if (probe.type === 'http') ports[number].paths.push(probe.path);
    const health = service.docker?.health?.(probe, number, '127.0.0.1')?.join(' ') ?? '';
    for (const [, asked, where] of health.matchAll(/http:\/\/127\.0\.0\.1:(\d+)(\/\S*?)'?(?=\s|$)/g))
      (ports[asked] ??= { protocol: 'http', paths: [] }).paths.push(where);
  }
  return ports;
}
