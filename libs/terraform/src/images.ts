/** Images of ours, from this machine's Docker to the environment's registry. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { StackError } from '@stack/model';
import { asking } from './aws';
import type { Environment } from './environments';
import type { Work } from './operations';

/** The environment's registry, and the unit's repository in it. */
export function repositoryOf(
  { account, region, project, name }: Environment,
  unit: string,
): { registry: string; repository: string } {
  return { registry: `${account}.dkr.ecr.${region}.amazonaws.com`, repository: `${project}-${name}/${unit}` };
}

/** Tag of our images: the commit that is checked out, and a digest of what was changed since. */
export function imageTag(workspace: string): string {
  const git = (...args: string[]) =>
    spawnSync('git', args, { cwd: workspace, encoding: 'utf8', maxBuffer: 2 ** 28 });
  const head = git('rev-parse', '--short=12', 'HEAD');
  if (head.status !== 0) return 'unversioned';
  const changed = git('diff', 'HEAD').stdout + git('status', '--porcelain').stdout;
  if (!changed) return head.stdout.trim();
  return `${head.stdout.trim()}-${createHash('sha256').update(changed).digest('hex').slice(0, 8)}`;
}

/**
 * Pushes the unit's image, unless the registry has it under this tag (tags never change).
 * @param build makes sure that the image is that of the checkout, which the tag names
 * @throws StackError when it can't be built, or Docker isn't running
 */
export async function pushImage(work: Work, build: () => Promise<void>): Promise<void> {
  const { image } = work;
  if (image) await asking(work.unit, () => pushIfMissing(work, image, build));
}

async function pushIfMissing(
  { environment, unit, imageTag: tag, say }: Work,
  image: string,
  build: () => Promise<void>,
): Promise<void> {
  const { ECRClient, DescribeImagesCommand, GetAuthorizationTokenCommand } =
    await import('@aws-sdk/client-ecr');
  const ecr = new ECRClient({ region: environment.region });
  const { registry, repository: repositoryName } = repositoryOf(environment, unit);
  try {
    await ecr.send(new DescribeImagesCommand({ repositoryName, imageIds: [{ imageTag: tag }] }));
    return;
  } catch (error) {
    if ((error as Error).name !== 'ImageNotFoundException') throw error;
  }
  await build();
  const { authorizationData = [] } = await ecr.send(new GetAuthorizationTokenCommand({}));
  const [username, password] = Buffer.from(authorizationData[0]?.authorizationToken ?? '', 'base64')
    .toString()
    .split(':');
  say(`pushing ${unit}:${tag}`);
  await push(image, `${registry}/${repositoryName}`, tag, { username, password, serveraddress: registry });
  ecr.destroy();
}

interface Login {
  readonly username: string;
  readonly password: string;
  readonly serveraddress: string;
}

/**
 * Tags a local image for a repository and pushes it.
 * @throws StackError with the registry's answer
 */
export async function push(
  image: string,
  repository: string,
  tag: string,
  authconfig?: Login,
): Promise<void> {
  const { default: Docker } = await import('dockerode');
  const docker = new Docker();
  const local = docker.getImage(image);
  try {
    await local.tag({ repo: repository, tag });
  } catch (error) {
    const { statusCode, code } = error as { statusCode?: number; code?: string };
    if (statusCode === 404)
      throw new StackError(
        'NO_IMAGE',
        `the image ${image} isn't built`,
        `npx nx image ${image.slice('stack/'.length).split(':')[0]}`,
      );
    if (code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'EACCES')
      throw new StackError(
        'NO_DOCKER',
        "Docker is needed to push an image, and it can't be reached",
        'start Docker (docker info)',
      );
    throw error;
  }
  const stream = await docker.getImage(`${repository}:${tag}`).push({
    // Docker 20.10 wants the header also where nobody logs in.
    authconfig: authconfig ?? { username: '', password: '', serveraddress: '' },
  });
  await new Promise<void>((resolve, reject) =>
    docker.modem.followProgress(stream, (error, events) => {
      const failure =
        error?.message ?? (events ?? []).map((event: { error?: string }) => event.error).find(Boolean);
      if (failure) reject(new StackError('NOT_PUSHED', `${repository}:${tag} can't be pushed: ${failure}`));
      else resolve();
    }),
  );
}
