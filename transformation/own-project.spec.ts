import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { TestStack } from '@stack/testing';

jest.setTimeout(120_000);

describe('a dbt project of the user’s own', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'own-'));
  const before = { ...process.env };
  let stack: TestStack;
  beforeAll(async () => {
    cpSync(path.join(__dirname, '../orchestration/tests/projects/shop'), path.join(folder, 'shop'), {
      recursive: true,
    });
    // as `cd <folder>; DBT_PROJECT=./shop npx nx deploy transformation` has them when definitions are read
    Object.assign(process.env, { INIT_CWD: folder, DBT_PROJECT: './shop' });
    stack = await TestStack.start();
    await stack.deploy('transformation');
  }, 120_000);
  afterAll(async () => {
    process.env = before;
    await stack.remove();
    rmSync(folder, { recursive: true });
  });

  it('is parsed in place of the stack’s, with the stack’s targets', async () => {
    const { transformation } = jest.requireActual<typeof import('./job')>('./job');
    const target = stack.resolve(transformation.env.DBT_TARGET_PATH);
    const { nodes } = JSON.parse(readFileSync(path.join(target, 'manifest.json'), 'utf8')) as {
      nodes: Record<string, unknown>;
    };
    expect(Object.keys(nodes)).toContain('model.shop.customers');
    const profiles = path.join(stack.resolve(transformation.env.DBT_PROFILES_DIR), 'profiles.yml');
    expect(readFileSync(profiles, 'utf8')).toMatch(/^shop_of_a_client:/);
    expect(existsSync(path.join(folder, 'shop', 'target'))).toBe(false);
  });

  it('is parsed again only when it changed', async () => {
    expect(await stack.deploy('transformation')).toEqual({ changed: false, summary: 'unchanged' });
    writeFileSync(path.join(folder, 'shop/models/marts/orders.sql'), 'select 1 as order_id, 1 as customer_id');
    expect(await stack.deploy('transformation')).toMatchObject({ changed: true });
  });
});

describe('dbt’s environment', () => {
  it('has the project relative to where the user stands, and Snowflake only for its target', async () => {
    const { dbtEnvironmentFrom, dbtInContainer } = jest.requireActual<typeof import('./job')>('./job');
    expect(dbtEnvironmentFrom({ DBT_PROJECT: '../shop', INIT_CWD: '/work/here' }).DBT_PROJECT_DIR).toBe('/work/shop');
    expect(dbtInContainer({ DBT_PROJECT: '../shop', INIT_CWD: '/work/here' })).toEqual({
      env: { DBT_PROJECT_DIR: '/dbt-project' },
      folders: { '/dbt-project': '/work/shop' },
    });
    expect(dbtInContainer({})).toEqual({ env: {}, folders: {} });
    const own = { SNOWFLAKE_ACCOUNT: 'org-account', SNOWFLAKE_PASSWORD: 'never passed on' };
    expect(dbtEnvironmentFrom(own)).not.toHaveProperty('SNOWFLAKE_ACCOUNT');
    const snowflake = dbtEnvironmentFrom({ ...own, DBT_TARGET: 'snowflake_prod' });
    expect(snowflake).toMatchObject({ DBT_TARGET: 'snowflake_prod', SNOWFLAKE_ACCOUNT: 'org-account' });
    expect(JSON.stringify(snowflake)).not.toContain('never passed on');
  });
});
