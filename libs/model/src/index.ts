export * from './errors';
export * from './plan';
export * from './probes';
export * from './programs';
export * from './units';
export * from './values';
export * from './profiles';
