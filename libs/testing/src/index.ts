export { TestStack } from './test-stack';
export { eventually } from './wait';
