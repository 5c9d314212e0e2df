import type { JsonObject } from '../model/json';
import type { Urn } from '../model/urn';
import type { PatchOperation } from './patch';

export const CHANGES = ['UPSERT', 'CREATE', 'CREATE_ENTITY', 'UPDATE', 'RESTATE', 'PATCH', 'DELETE'] as const;
export type ChangeType = (typeof CHANGES)[number];

/** One aspect of one entity that is to change, checked. */
export interface Change {
  type: ChangeType;
  urn: Urn;
  aspect: string;
  /** Absent in a patch and a delete. */
  value?: JsonObject;
  patch?: { operations: PatchOperation[]; keys?: Record<string, string[]> };
  system: JsonObject;
}
