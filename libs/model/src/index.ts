export * from './errors';
export * from './plan';
export * from './probes';
export * from './units';
export * from './values';
