import { pytest, TestStack } from '@stack/testing';
import { datahubClient } from './service';

/**
 * What the real client does is written in Python (`tests/`): acryl-datahub's emitter, graph, SDK and CLI, unchanged.
 */
describe('DataHub’s client', () => {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await TestStack.start();
    await stack.deploy('catalog');
  });
  afterAll(() => stack.remove());

  it('drives the service unchanged', () => pytest(stack, 'catalog', datahubClient), 300_000);
});
