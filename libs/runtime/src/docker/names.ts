/** What the stack's things are called in the engine. */
import { existsSync } from 'node:fs';
import * as path from 'node:path';
import type { StackPaths } from '../stack';

export const LABELS = {
  stack: 'dev.freelancer-stack.stack',
  unit: 'dev.freelancer-stack.unit',
  process: 'dev.freelancer-stack.process',
  /** It does its work and ends. */
  once: 'dev.freelancer-stack.once',
  /** Of the wanted state: an equal one means nothing to do. */
  hash: 'dev.freelancer-stack.hash',
  /** Of an image that only stands in for the one that the definition names. */
  standIn: 'dev.freelancer-stack.stand-in',
  /** Of what an image of ours was built from. */
  content: 'dev.freelancer-stack.content',
} as const;

export const projectOf = ({ name }: Pick<StackPaths, 'name'>): string => `stack-${name}`;

export const containerName = (project: string, name: string): string => `${project}-${name}`;

export const volumeName = (project: string, volume: string): string => `${project}_${volume}`;

/** It is there from the first deploy in Docker until `down`, so that nothing else has to ask for an engine. */
export const markerOf = ({ run }: Pick<StackPaths, 'run'>): string => path.join(run, 'in-docker');

/** It is there from the first deploy in Docker until `reset`: the stack has volumes. */
export const volumesMarkerOf = ({ run }: Pick<StackPaths, 'run'>): string => path.join(run, 'docker-volumes');

export const hasVolumes = (stack: StackPaths): boolean => existsSync(volumesMarkerOf(stack));

/** Whether the stack may have containers. */
export const usesDocker = (stack: StackPaths): boolean => existsSync(markerOf(stack));
