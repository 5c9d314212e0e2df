export { Session } from './session';
export { Problem } from './problem';
