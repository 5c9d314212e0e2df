export * from './manifests';
export * from './values';
export * from './write';
