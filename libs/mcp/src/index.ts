export * from './adapter';
export * from './answer';
export * from './errors';
export * from './http';
export * from './nearest';
export * from './page';
export * from './wait';
