export { snapshotFromEnvironment } from './environment';
export { DamagedFileError, Lake, type LakeOptions } from './lake';
export {
  ManifestError,
  parseManifest,
  type Manifest,
  type SnapshotColumn,
  type SnapshotTable,
} from './manifest';
export { SnapshotReader, type SnapshotLog, type SnapshotReaderOptions } from './reader';
export { Rotation } from './rotation';
export { identifier, literal } from './sql';
export { SnapshotStore, type LocalSnapshot, type StoreOptions } from './store';
