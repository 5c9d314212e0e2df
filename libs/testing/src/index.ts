export { type Containers, containersHere } from './containers';
export * from './docker';
export { findBrowser, launchBrowser } from './browser';
export { Moto, freePort } from './moto';
export { pytest } from './pytest';
export { registryEntry } from './registry';
export { TestStack, proxyPort } from './test-stack';
export { eventually } from './wait';
