import { arrowEncoder } from './arrow-stream';
import type { Format } from './format';

/** Arrow's IPC stream. Its library is loaded with the first answer in this form: it takes some 15 MB. */
export const arrow: Format = {
  mediaType: 'application/vnd.apache.arrow.stream',
  encoder: async (columns) => arrowEncoder(await import('apache-arrow'), columns),
};
