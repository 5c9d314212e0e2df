import type { LocalSnapshot, Rotation, SnapshotReader, SnapshotStore } from '@stack/snapshot';
import type { Database } from '../database';
import type { Tokens } from '../access/tokens';
import type { Metrics } from '../metrics';
import type { ResultCache } from '../result-cache';
import type { Settings } from '../settings';
import type { Usage } from '../usage';

/** What the routes answer from. */
export interface Reading {
  databases: Rotation<Database>;
  reader: SnapshotReader;
  store: SnapshotStore;
  metrics: Metrics;
  tokens: Tokens;
  cache: ResultCache;
  settings: Settings;
  usage: Usage;
}

export function describeSnapshot(snapshot: LocalSnapshot | undefined): {
  id: string | null;
  publishedAt: string | null;
} {
  return { id: snapshot?.manifest?.id ?? null, publishedAt: snapshot?.manifest?.publishedAt ?? null };
}

/** Seconds since the snapshot was published; null for the empty one. */
export function snapshotAge(snapshot: LocalSnapshot | undefined): number | null {
  if (!snapshot?.manifest) return null;
  return Math.max(0, Math.round((Date.now() - Date.parse(snapshot.manifest.publishedAt)) / 1000));
}
