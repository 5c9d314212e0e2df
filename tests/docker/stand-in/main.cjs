/**
 * Serves the ports that spec.json names, each in its protocol, as far as readiness and health are asked. A `service.cjs` beside it
 * answers what comes by HTTP instead.
 */
const { existsSync, readFileSync } = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const path = require('node:path');

/** Port → protocol, and by HTTP the paths that are there. */
const { ports } = JSON.parse(readFileSync(path.join(__dirname, 'spec.json'), 'utf8'));
const own = path.join(__dirname, 'service.cjs');
const answer = existsSync(own)
  ? require(own)()
  : (paths) => (request, response) => response.writeHead(paths.includes(request.url) ? 200 : 404).end();

const SERVERS = {
  http: (paths) => http.createServer(existsSync(own) ? answer : answer(paths)),
  kafka: () =>
    talk((request) => Buffer.concat([Buffer.from([0, 0, 0, 10]), request.subarray(8, 12), Buffer.alloc(6)])),
  postgresql: () => talk(() => Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 0])),
};

const talk = (reply) =>
  net.createServer((socket) => socket.on('error', () => {}).on('data', (data) => socket.write(reply(data))));

for (const [port, { protocol, paths }] of Object.entries(ports))
  SERVERS[protocol](paths).listen(Number(port));
process.on('SIGTERM', () => process.exit(0));
