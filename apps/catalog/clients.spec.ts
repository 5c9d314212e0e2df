import { postgres } from '@stack/postgres';
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

  // PostgreSQL is for a second catalogue, into which the first is loaded.
  it(
    'drives the service unchanged',
    () => pytest(stack, 'catalog', { ...datahubClient, POSTGRES_URL: postgres.url('sql') }),
    600_000,
  );
});
