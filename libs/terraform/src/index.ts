export * from './buckets';
export * from './cloud';
export * from './diagnostics';
export * from './environments';
export * from './images';
export * from './operations';
export * from './session';
export * from './terraform';
