import { TestStack, eventually } from '@stack/testing';
import { orchestration } from './service';

jest.setTimeout(120_000);

describe('orchestration', () => {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await TestStack.start();
    await stack.deploy('orchestration');
  }, 120_000);
  afterAll(() => stack.remove());

  const graphql = async (query: string) => {
    const response = await fetch(`${stack.resolve(orchestration.url('web'))}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query }),
    });
    return ((await response.json()) as { data: unknown }).data;
  };

  it('has the code location loaded, with the job and the assets', async () => {
    expect([orchestration.ports.web.number, orchestration.ports.code.number]).toEqual([3000, 4000]);
    const data = await graphql(`
      {
        repositoriesOrError {
          ... on RepositoryConnection {
            nodes {
              location {
                name
              }
              jobs {
                name
              }
              assetNodes {
                assetKey {
                  path
                }
              }
            }
          }
        }
      }
    `);
    expect(data).toMatchObject({
      repositoriesOrError: { nodes: [{ location: { name: 'stack_pipeline' } }] },
    });
    expect(JSON.stringify(data)).toContain('"name":"pipeline"');
    for (const asset of ['flights', 'fct_flights', 'published_snapshot'])
      expect(JSON.stringify(data)).toContain(`"${asset}"`);
  });

  it('remembers its runs in PostgreSQL', async () => {
    expect(await graphql('{ instance { info } }')).toMatchObject({
      instance: { info: expect.stringContaining('PostgresRunStorage') },
    });
  });

  it('has one code server for webserver and daemon', async () => {
    expect((await stack.unit('orchestration')).pids).toHaveLength(3);
  });

  it('comes back when its code server is killed', async () => {
    const before = await stack.unit('orchestration');
    process.kill(before.pid ?? 0, 'SIGKILL');
    await eventually(async () => {
      const now = await stack.unit('orchestration');
      expect([now.health, now.pid === before.pid]).toEqual(['healthy', false]);
    }, 60_000);
  });
});
