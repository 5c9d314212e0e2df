import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { callerOf } from '@stack/mcp/testing';
import { adapter } from './mcp';
import { actionOf } from './mcp/plan';

let workspace: string;
beforeEach(() => {
  workspace = mkdtempSync(path.join(tmpdir(), 'mcp-infra-'));
  for (const [file, content] of [
    ['infra/s3/module.ts', ''],
    ['infra/s3/package.json', '{"nx": {"name": "s3"}}'],
    ['infra/ecs/module.ts', ''],
    ['apps/web/service.ts', ''],
    [
      'dist/infra/s3/unit.json',
      '{"summary": "Buckets", "layer": "infra", "aws": {"outputs": {"bucket": "its name"}}}',
    ],
    ['dist/apps/web/unit.json', '{"aws": {"none": "it stays here"}}'],
  ] as const)
    has(file, content);
});
afterEach(() => rmSync(workspace, { recursive: true, force: true }));

const caller = () =>
  callerOf(adapter, { WORKSPACE: workspace }, [
    {
      name: 's3',
      kind: 'module',
      layer: 'infra',
      summary: 'Buckets of the lake',
      health: 'done',
      deployedAt: '2026-11-30T00:00:00Z',
      dependsOn: [],
    },
  ]);

function has(file: string, content: string): void {
  mkdirSync(path.dirname(path.join(workspace, file)), { recursive: true });
  writeFileSync(path.join(workspace, file), content);
}

const FILES = JSON.stringify({
  terraform: { required_providers: { aws: { source: 'aws', version: '6.25.0' } } },
  resource: { aws_s3_bucket: { lake: { password: 'hush' }, logs: {} }, aws_iam_policy: { reader: {} } },
  data: { terraform_remote_state: { secrets: {} } },
  output: { bucket: {} },
});

test('modules are those of the checkout, deployed or not, with what was made of them', async () => {
  has('dist/infra/s3/terraform/prod/main.tf.json', FILES);
  const { data } = await caller().call<{ modules: object[] }>('infra_modules');
  expect(data.modules).toMatchObject([
    { module: 'ecs', deployed: false, terraform: [] },
    {
      module: 's3',
      deployed: true,
      summary: 'Buckets of the lake',
      outputs: ['bucket'],
      terraform: [{ environment: 'prod', resources: 3, planned: false }],
    },
  ]);
});

test('without a plan it is what a deploy would make, said to be no comparison, without values', async () => {
  has('dist/infra/s3/terraform/prod/main.tf.json', FILES);
  const answer = await caller().call('infra_plan', { module: 's3' });
  expect(answer.data).toMatchObject({
    source: 'synthesised',
    comparison: false,
    counts: { declared: 3 },
    types: [
      { type: 'aws_s3_bucket', count: 2 },
      { type: 'aws_iam_policy', count: 1 },
    ],
    outputs: ['bucket'],
    reads: ['secrets'],
    providers: [{ name: 'aws', source: 'aws', version: '6.25.0' }],
  });
  expect(answer.text).toContain('not compared with AWS');
  expect(JSON.stringify(answer)).not.toContain('hush');
});

test('a plan that can not be shown is said to be there', async () => {
  has('.cloud/prod/s3/main.tf.json', FILES);
  has('.cloud/prod/s3/plan', 'no plan');
  const { data } = await caller().call<{ source: string; note: string }>('infra_plan', { module: 's3' });
  expect(data).toMatchObject({
    source: 'synthesised',
    note: expect.stringContaining('A plan was kept, but'),
  });
});

test.each([
  [{ module: 's3' }, 'not_synthesised', 'npx nx synth s3'],
  [{ module: 's33' }, 'unknown_module', 'is it s3'],
  [{ module: 'web' }, 'nothing_in_aws', 'it stays here'],
])('%j: %s', async (input, code, remedy) => {
  await expect(caller().call('infra_plan', input)).rejects.toMatchObject({
    code,
    remedy: expect.stringContaining(remedy),
  });
});

test('an environment of which nothing was made names those that there are', async () => {
  has('dist/infra/s3/terraform/prod/main.tf.json', FILES);
  await expect(caller().call('infra_plan', { module: 's3', environment: 'dev' })).rejects.toMatchObject({
    code: 'unknown_environment',
    remedy: expect.stringContaining('there is prod'),
  });
  await expect(caller().call('infra_plan', { module: 's3', environment: '../x' })).rejects.toThrow();
});

test('half-written files are told as such', async () => {
  has('dist/infra/s3/terraform/prod/main.tf.json', '{"resource"');
  await expect(caller().call('infra_plan', { module: 's3' })).rejects.toMatchObject({
    code: 'terraform_unreadable',
  });
});

test.each([
  [['create'], 'create'],
  [['delete', 'create'], 'replace'],
  [['create', 'delete'], 'replace'],
  [['no-op'], undefined],
  [['read'], undefined],
])('%j is %s', (actions, action) => {
  expect(actionOf(actions)).toBe(action);
});
