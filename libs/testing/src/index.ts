export { findBrowser, launchBrowser } from './browser';
export { TestStack } from './test-stack';
export { eventually } from './wait';
