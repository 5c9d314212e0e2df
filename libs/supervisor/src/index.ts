export * from './client';
export * from './left-behind';
export * from './process-info';
export * from './protocol';
export { tail, logSize } from './logs';
export { probe } from './probe';
