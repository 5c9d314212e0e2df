/** Digests of the images that definitions name, asked of their registries by the engine. */
import type Docker from 'dockerode';
import { saidBy } from './engine';

export interface Locked {
  /** Image as a definition names it → the same by digest. */
  readonly digests: Readonly<Record<string, string>>;
  /** Those that no registry told a digest of → why. */
  readonly unlocked: Readonly<Record<string, string>>;
}

/**
 * @param names image as a definition names it → what is asked for, which differs for a registry of the user's own
 */
export async function lockImages(docker: Docker, names: Readonly<Record<string, string>>): Promise<Locked> {
  const answers = await Promise.all(
    Object.entries(names).map(async ([image, asked]) => {
      try {
        const { Descriptor } = (await docker.getImage(asked).distribution()) as {
          Descriptor: { digest: string };
        };
        return { image, digest: `${withoutTag(asked)}@${Descriptor.digest}` };
      } catch (error) {
        return { image, reason: saidBy(error) };
      }
    }),
  );
  return {
    digests: Object.fromEntries(answers.flatMap(({ image, digest }) => (digest ? [[image, digest]] : []))),
    unlocked: Object.fromEntries(answers.flatMap(({ image, reason }) => (reason ? [[image, reason]] : []))),
  };
}

/** A registry's port isn't a tag. */
const withoutTag = (image: string): string => image.replace(/:[^:/]+$/, '');
