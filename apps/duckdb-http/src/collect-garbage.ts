import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as NonNullable<typeof global.gc>;

/** Frees what was dropped lately, among it the engine's chunks: V8 sees them as tiny and lets hundreds of MB gather. */
export const collectGarbage = (): void => collect({ type: 'minor' });
