import { pytest, TestStack } from '@stack/testing';
import { airbyteClient } from './service';

/**
 * What the real clients do is written in Python (`tests/`): dagster-airbyte and airbyte-api, unchanged.
 */
describe('Airbyte’s clients', () => {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await TestStack.start();
    await stack.deploy('ingestion');
  });
  afterAll(() => stack.remove());

  it('drive the service unchanged', () => pytest(stack, 'ingestion', airbyteClient), 180_000);
});
