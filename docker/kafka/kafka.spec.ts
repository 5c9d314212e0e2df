import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { probe } from '@stack/supervisor';
import { containersHere } from '@stack/testing';

describe('Kafka', () => {
  it('tells its clients where to go on: inside by name, outside by the stack’s port', () => {
    const { of, ports } = containersHere();
    const [{ env }] = of('kafka');
    const outside = ports.number('kafka', 'outside', 9094);
    expect(outside).not.toBe(9094);
    expect(env.KAFKA_ADVERTISED_LISTENERS).toBe(`INSIDE://kafka:9092,OUTSIDE://127.0.0.1:${outside}`);
    expect(env.KAFKA_LISTENERS).toContain('OUTSIDE://0.0.0.0:9094');
  });

  it.each([
    ['is ready when it says which versions it speaks', [0, 0, 0, 1, 0, 0], undefined],
    ['isn’t with an error', [0, 0, 0, 1, 0, 35], 'the broker answers error 35'],
    ['isn’t when something else answers', [0, 0, 0, 7, 0, 0], 'what answers is no Kafka'],
  ])('%s', async (_, answer, problem) => {
    const server = createServer((socket) =>
      socket.on('data', () => socket.write(Buffer.from([0, 0, 0, answer.length, ...answer]))),
    );
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const { port } = server.address() as AddressInfo;
    const asked = probe({ type: 'kafka', host: '127.0.0.1', port }).then(
      () => undefined,
      (error: Error) => error.message,
    );
    expect(await asked).toBe(problem);
    server.close();
  });
});
