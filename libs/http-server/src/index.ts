export { required, whole } from './environment';
export { answerNotFound, type ErrorBody, RequestError } from './errors';
export { createServer, listen, type ListenOptions, type ServerOptions } from './server';
