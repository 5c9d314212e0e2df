/** Docker's engine, or Podman's in its place: found, checked, and its errors told as a user can act on them. */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import * as path from 'node:path';
import { StackError } from '@stack/model';
import type Docker from 'dockerode';
import { LABELS } from './names';

/** Docker 20.10. */
const OLDEST_API = 1.41;

/** Where engines listen that don't at Docker's usual place: Docker Desktop, Colima, Podman. */
const SOCKETS = [
  '/var/run/docker.sock',
  path.join(homedir(), '.docker/run/docker.sock'),
  path.join(homedir(), '.colima/default/docker.sock'),
  path.join(process.env.XDG_RUNTIME_DIR ?? '/run/user/0', 'podman/podman.sock'),
  '/run/podman/podman.sock',
];

/**
 * The engine that DOCKER_HOST names, else the first that is there.
 * @throws StackError when there is none, it may not be used, or is too old
 */
export async function openEngine(): Promise<Docker> {
  const { default: Client } = await import('dockerode');
  const named = process.env.DOCKER_HOST;
  const socket = SOCKETS.find(existsSync);
  if (!named && !socket)
    throw new StackError(
      'NO_DOCKER',
      'there is no Docker on this machine',
      'install Docker (https://docs.docker.com/engine/install) or start Docker Desktop; or deploy without it: make deploy-local',
      [`looked for ${SOCKETS.join(', ')}`],
    );
  const docker = named ? new Client() : new Client({ socketPath: socket });
  const where = named ?? (socket as string);
  try {
    const { ApiVersion, Version } = await docker.version();
    if (Number(ApiVersion) < OLDEST_API)
      throw new StackError(
        'DOCKER_TOO_OLD',
        `the engine at ${where} is Docker ${Version} (API ${ApiVersion}); 20.10 (API ${OLDEST_API}) is the oldest that will do`,
        'update Docker',
      );
    return docker;
  } catch (error) {
    throw unreachable(error, where);
  }
}

function unreachable(error: unknown, where: string): unknown {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'EACCES' || code === 'EPERM')
    return new StackError(
      'NO_PERMISSION',
      `you may not use the Docker engine at ${where}`,
      'sudo usermod -aG docker $USER, then log in again; or use Docker rootless',
    );
  if (code === 'ECONNREFUSED' || code === 'ENOENT' || code === 'ENOTFOUND' || code === 'ETIMEDOUT')
    return new StackError(
      'NO_DOCKER',
      `no Docker engine answers at ${where} (${message})`,
      'start it: sudo systemctl start docker, or Docker Desktop',
    );
  if (statusOf(error) === undefined) return error;
  return new StackError(
    'NO_DOCKER',
    `what answers at ${where} is no Docker engine: ${saidBy(error) || `it answers ${statusOf(error)}`}`,
    'correct DOCKER_HOST, or unset it',
  );
}

/** The engine's status code of an error, e.g. 404. */
export const statusOf = (error: unknown): number | undefined => (error as { statusCode?: number }).statusCode;

/** What the engine says, without the HTTP around it. */
export function saidBy(error: unknown): string {
  const { json, message } = error as { json?: { message?: string }; message?: string };
  return json?.message ?? message?.replace(/^\(HTTP code \d+\) .*? - /, '').trim() ?? String(error);
}

/** What `call` gives; undefined when the engine knows no such thing. */
export async function orNothing<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
}

/** Every container of a stack, or of one of its units, running or not. */
export const containersIn = (docker: Docker, stack: string, unit?: string): Promise<Docker.ContainerInfo[]> =>
  docker.listContainers({
    all: true,
    filters: { label: [`${LABELS.stack}=${stack}`, ...(unit ? [`${LABELS.unit}=${unit}`] : [])] },
  });
