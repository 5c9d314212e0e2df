import { type ExecutorContext, createProjectGraphAsync } from '@nx/devkit';
import { StackError } from '@stack/model';
import { Loader } from '@stack/runtime';
import { buildImage } from '../../images/build';
import { thisPlatform } from '../../images/platform';

export interface ImageOptions {
  /** Default: IMAGE_PLATFORM, else this machine's. */
  readonly platform?: string;
}

/** Builds the unit's image. */
export default async function image(
  { platform }: ImageOptions,
  context: ExecutorContext,
): Promise<{ success: boolean }> {
  const name = context.projectName ?? '';
  const started = Date.now();
  const say = (message: string) => console.log(`${name.padEnd(16)} ${message}`);
  try {
    const loader = new Loader(context.root);
    const service = loader.unit(name);
    if (service.kind !== 'service') throw new StackError('NO_BUILD', `${name} is no service`);
    const done = await buildImage(
      {
        workspace: context.root,
        root: loader.folder(name).root,
        service,
        platform: thisPlatform(platform),
      },
      context.projectGraph ?? (await createProjectGraphAsync()),
      (message) => say(`… ${message}`),
    );
    const seconds = ((Date.now() - started) / 1_000).toFixed(1);
    say(`✔ ${done.image} ${done.built ? 'built' : 'unchanged'} (${seconds} s)`);
    return { success: true };
  } catch (error) {
    if (!(error instanceof StackError)) throw error;
    error
      .toString()
      .split('\n')
      .forEach((line, i) => say(i === 0 ? `✘ ${line}` : `  ${line}`));
    return { success: false };
  }
}
