import { TestStack } from '@stack/testing';
import { evidence } from './service';

describe('evidence as a unit of the stack', () => {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await TestStack.start();
    await stack.deploy('evidence');
  });
  afterAll(() => stack.remove());

  it('is healthy before anything is published, and says how to publish', async () => {
    expect(evidence.ports.http.number).toBe(3001);
    const url = stack.resolve(evidence.url('http'));
    expect(await (await fetch(`${url}/health`)).json()).toMatchObject({
      status: 'ok',
      snapshot: { id: null },
    });
    expect(await (await fetch(url)).text()).toContain('make pipeline');
  });

  it('refuses a page of another name that points at it', async () => {
    const { status } = await fetch(stack.resolve(evidence.url('http')), {
      headers: { origin: 'http://evil.example' },
    });
    expect(status).toBe(403);
  });
});
