/** What an image of ours is built from. Python's packages, which are large, are an image of their own: a change of the program leaves it. */
import { cpSync } from 'node:fs';
import * as path from 'node:path';
import type { ProjectGraph } from '@nx/devkit';
import { digest, sha256 } from '@stack/runtime';
import {
  type ImageParts,
  type Say,
  layOutPackages,
  layOutProgram,
  packagesContent,
  programContent,
} from './context';

export interface Recipe {
  readonly image: string;
  /** Of everything that goes in: an equal one means the same image. */
  readonly content: string;
  /** Build arguments, whoever builds it. */
  readonly args: Readonly<Record<string, string>>;
  /** The image that it begins with, if that is one of ours. */
  readonly from?: Recipe;
  layOut(folder: string, say: Say): Promise<void>;
}

/** Of the unit's image; its `from`, if any, is built first. */
export function recipeOf(parts: ImageParts, graph: ProjectGraph): Recipe {
  const { service, build } = parts;
  const bases = baseArguments(build.from, process.env);
  const image = service.docker?.image ?? '';
  const recipe = (name: string, dockerfile: string, parted: readonly unknown[]) => {
    const file = path.join(parts.workspace, 'docker', 'images', `${dockerfile}.Dockerfile`);
    const made = [digest([file], parts.workspace), bases, ...parted];
    return { image: name, content: sha256(JSON.stringify(made)).slice(0, 16), file };
  };
  const packages = packagesContent(parts, graph);
  const own = { ...bases, TITLE: service.name, DESCRIPTION: service.summary };
  if (build.from === 'node') {
    const { file, ...made } = recipe(image, 'node', [packages, programContent(parts)]);
    return {
      ...made,
      args: { ...own, CONTENT: made.content },
      layOut: async (folder, say) => {
        layOutProgram(parts, folder);
        await layOutPackages(parts, graph, folder, say);
        cpSync(file, path.join(folder, 'Dockerfile'));
      },
    };
  }
  const below = recipe(image.replace(/(?=:)/, '-packages'), 'python-packages', [packages]);
  const from = {
    image: below.image,
    content: below.content,
    args: { ...bases, CONTENT: below.content },
    layOut: async (folder: string, say: Say) => {
      await layOutPackages(parts, graph, folder, say);
      cpSync(below.file, path.join(folder, 'Dockerfile'));
    },
  };
  const { file, ...made } = recipe(image, 'python', [below.content, programContent(parts)]);
  return {
    ...made,
    args: { ...own, CONTENT: made.content, PACKAGES: from.image },
    from,
    layOut: async (folder) => {
      layOutProgram(parts, folder);
      cpSync(file, path.join(folder, 'Dockerfile'));
    },
  };
}

/** Base images: IMAGE_BASE_NODE and IMAGE_BASE_PYTHON, else what the Dockerfile names. */
function baseArguments(from: 'node' | 'python', env: NodeJS.ProcessEnv): Record<string, string> {
  const { IMAGE_BASE_NODE: node, IMAGE_BASE_PYTHON: python } = env;
  return from === 'node'
    ? { ...(node && { BASE: node }) }
    : { ...(python && { BASE: python }), ...(node && { NODE: node }) };
}
