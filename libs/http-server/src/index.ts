export { required, whole } from './environment';
export { answerError, answerNotFound, type Problem, RequestError } from './errors';
export { secretCommand } from './secret-command';
export { servePage } from './page';
export { createServer, listen, type ListenOptions, type ServerOptions } from './server';
