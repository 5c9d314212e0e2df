import { createHash } from 'node:crypto';

/** The UUID that belongs to a name, always the same one. */
export function uuidOf(name: string): string {
  const hex = createHash('sha1').update(`freelancer-data-stack/ingestion/${name}`).digest('hex');
  const variant = ((parseInt(hex[16], 16) & 0x3) | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** Ids of what the first start makes; the same in every stack, so that they can be written into a definition. */
export const DEFAULTS = {
  workspace: uuidOf('workspace'),
  source: uuidOf('source faker'),
  destination: uuidOf('destination warehouse'),
  connection: uuidOf('connection faker'),
} as const;

export const isUuid = (text: string): boolean =>
  /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(text);
