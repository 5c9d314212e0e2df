/** Terraform's own core, run for real: `terraform_data` needs no provider. Moto plays S3 and DynamoDB. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { CreateTableCommand, DynamoDBClient, PutItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import { CreateBucketCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { Moto } from '@stack/testing';
import { environment } from '../cdktf/testing';
import { bucketsIn, emptyBucket, refuseFullBuckets } from './buckets';
import { type S3Backend, localState, readBackend, unitDir, writeBackend } from './cloud';
import {
  type Work,
  applyUnit,
  destroyInCloud,
  driftOf,
  moveState,
  planUnit,
  prepare,
  refuseUnseen,
  rememberPlan,
  unlockState,
} from './operations';
import { Terraform, driftIn } from './terraform';

const hasTerraform = spawnSync('terraform', ['version']).status === 0;
const described = hasTerraform ? describe : describe.skip;
if (!hasTerraform) console.warn('terraform is missing: its specs are skipped');

jest.setTimeout(120_000);

describe('drift', () => {
  const configuration = {
    root_module: { resources: [{ address: 'aws_s3_bucket.lake', expressions: { bucket: {}, tags: {} } }] },
  };
  const drift = (before: object | null, after: object | null, actions = ['update']) =>
    driftIn({
      configuration,
      resource_drift: [{ address: 'aws_s3_bucket.lake', change: { actions, before, after } as never }],
    });

  it('is what differs from the definition, not what the provider adds', () => {
    const bucket = { bucket: 'lake', tags: { a: '1' } };
    expect(drift({ ...bucket, versioning: [] }, { ...bucket, versioning: [{ enabled: true }] })).toEqual([]);
    const changed = [{ address: 'aws_s3_bucket.lake', action: 'update' }];
    expect(drift(bucket, { ...bucket, tags: { a: 'by hand' } })).toEqual(changed);
    expect(drift(bucket, null, ['delete'])).toEqual([{ ...changed[0], action: 'delete' }]);
  });
});

const yes = () => undefined;

described('terraform', () => {
  const before = { ...process.env };
  let moto: Moto;
  let workspace: string;
  let said: string[];
  const backend: S3Backend = { type: 's3', bucket: 'states', table: 'locks', region: 'eu-central-1' };

  beforeAll(async () => {
    moto = await Moto.start();
    Object.assign(process.env, moto.env);
    const s3 = new S3Client({ forcePathStyle: true });
    await s3.send(
      new CreateBucketCommand({
        Bucket: 'states',
        CreateBucketConfiguration: { LocationConstraint: 'eu-central-1' },
      }),
    );
    await new DynamoDBClient({}).send(
      new CreateTableCommand({
        TableName: 'locks',
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [{ AttributeName: 'LockID', AttributeType: 'S' }],
        KeySchema: [{ AttributeName: 'LockID', KeyType: 'HASH' }],
      }),
    );
  });
  afterAll(async () => {
    process.env = before;
    await moto.stop();
  });
  beforeEach(() => {
    workspace = mkdtempSync(path.join(tmpdir(), 'cloud-'));
    said = [];
  });
  afterEach(() => rmSync(workspace, { recursive: true, force: true }));

  /** A unit with one resource, and outputs that another can read. */
  const unit = (name: string, input: unknown, imports: string[] = []): Work => ({
    workspace,
    environment: environment('', 'test'),
    unit: name,
    imageTag: 'abc',
    say: (line) => said.push(line),
    synth: {
      imports,
      terraform: {
        resource: { terraform_data: { it: { input } } },
        output: { value: { value: '${terraform_data.it.output}' } },
      },
    },
  });
  const outputs = async (work: Work) => prepare(work)?.outputs();
  const stateOf = async (work: Work) => {
    const terraform = prepare(work);
    await terraform?.init();
    return terraform?.state();
  };

  it('is new enough, and found', async () => {
    expect(await Terraform.version()).toMatch(/^\d+\.\d+/);
  });

  it('plans, applies, and does nothing the second time', async () => {
    const work = unit('one', 'first');
    const plan = await planUnit(work);
    expect(plan?.changes).toEqual([{ address: 'terraform_data.it', action: 'create' }]);
    expect(await applyUnit(work, yes)).toEqual({ changed: true, summary: 'applied: 1 to make' });
    expect(said).toEqual(expect.arrayContaining(['+ terraform_data.it', 'made terraform_data.it']));
    expect(await applyUnit(work, yes)).toEqual({ changed: false, summary: 'unchanged' });
    expect(await applyUnit(unit('one', 'second'), yes)).toMatchObject({ summary: 'applied: 1 to change' });
    expect(await outputs(work)).toEqual({ value: 'second' });
  });

  it('applies nothing that nobody agreed to', async () => {
    const work = unit('one', 'first');
    const refusal = () => {
      throw new Error('nobody agreed');
    };
    await expect(applyUnit(work, refusal)).rejects.toThrow('nobody agreed');
    expect(await stateOf(work)).toBeUndefined();
  });

  it('reads the outputs of another unit, and says when it isn’t there yet', async () => {
    const reader = unit('reader', '${data.terraform_remote_state.below.outputs.value}', ['below']);
    await expect(applyUnit(reader, yes)).rejects.toMatchObject({ code: 'NOT_YET_THERE' });
    await applyUnit(unit('below', 'from below'), yes);
    await applyUnit(reader, yes);
    expect(await outputs(reader)).toEqual({ value: 'from below' });
  });

  it('refuses a plan that loses what the one that was shown kept', async () => {
    const work = unit('one', 'first');
    await applyUnit(work, yes);
    const plan = await planUnit(work);
    rememberPlan(work, plan ?? { changes: [], outputs: 0 });
    const losing = { changes: [{ address: 'aws_db_instance.it', action: 'delete' as const }], outputs: 0 };
    expect(() => refuseUnseen(work, losing)).toThrow(/isn't any more the one that was agreed to/);
  });

  it('takes the state to S3 and back: same lineage, no serial lost', async () => {
    const work = unit('one', 'kept');
    await applyUnit(work, yes);
    const left = await stateOf(work);
    expect(await moveState(work, { type: 'local' }, backend)).toMatchObject({ changed: true });
    writeBackend(workspace, 'test', backend);
    const arrived = await stateOf(work);
    expect(arrived?.lineage).toBe(left?.lineage);
    expect(arrived?.serial).toBeGreaterThanOrEqual(left?.serial ?? 0);
    const keys = await new S3Client({ forcePathStyle: true }).send(
      new ListObjectsV2Command({ Bucket: 'states' }),
    );
    expect(keys.Contents?.map(({ Key }) => Key)).toContain('test/one.tfstate');
    expect(await applyUnit(work, yes)).toMatchObject({ changed: false });
    await applyUnit(unit('one', 'changed there'), yes);

    expect(await moveState(work, readBackend(workspace, 'test'), { type: 'local' })).toMatchObject({
      changed: true,
    });
    writeBackend(workspace, 'test', { type: 'local' });
    const back = await stateOf(work);
    expect(back?.lineage).toBe(left?.lineage);
    expect(back?.serial).toBeGreaterThan(arrived?.serial ?? 0);
    expect(await outputs(work)).toEqual({ value: 'changed there' });
  });

  it('refuses a second writer, naming the first one and how to release its lock', async () => {
    const work = unit('locked', 'first');
    writeBackend(workspace, 'test', backend);
    await applyUnit(work, yes);
    const id = 'f2a7b9c0-0000-4000-8000-000000000001';
    const lock = {
      ID: id,
      Operation: 'OperationTypeApply',
      Who: 'ada@laptop',
      Version: '1.11.4',
      Created: '2026-11-25T09:00:00Z',
      Path: 'states/test/locked.tfstate',
    };
    await new DynamoDBClient({}).send(
      new PutItemCommand({
        TableName: 'locks',
        Item: { LockID: { S: 'states/test/locked.tfstate' }, Info: { S: JSON.stringify(lock) } },
      }),
    );
    await expect(applyUnit(unit('locked', 'second'), yes)).rejects.toMatchObject({
      code: 'STATE_LOCKED',
      message: expect.stringMatching(/locked by ada@laptop \(OperationTypeApply, since 2026-11-25/) as string,
      remedy: expect.stringContaining(`make state-unlock UNIT=locked ID=${id}`) as string,
    });
    await unlockState(work, id);
    expect(await applyUnit(unit('locked', 'second'), yes)).toMatchObject({ changed: true });
    const { Items = [] } = await new DynamoDBClient({}).send(new ScanCommand({ TableName: 'locks' }));
    expect(Items.map((item) => item.LockID?.S).filter((name) => !name?.endsWith('-md5'))).toEqual([]);
  });

  it('refuses while the lock file in the bucket is held', async () => {
    const work = unit('filelock', 'first');
    writeBackend(workspace, 'test', backend);
    await applyUnit(work, yes);
    const info = {
      ID: 'x-1',
      Operation: 'OperationTypePlan',
      Who: 'bob@ci',
      Created: '2026-11-25T09:00:00Z',
    };
    await new S3Client({ forcePathStyle: true }).send(
      new PutObjectCommand({
        Bucket: 'states',
        Key: 'test/filelock.tfstate.tflock',
        Body: JSON.stringify(info),
      }),
    );
    await expect(planUnit(work)).rejects.toMatchObject({
      code: 'STATE_LOCKED',
      message: expect.stringContaining('bob@ci') as string,
    });
  });

  it('goes on after an apply that was interrupted', async () => {
    const slow: Work = unit('slow', 'x');
    const resource = slow.synth?.terraform.resource as Record<
      string,
      Record<string, Record<string, unknown>>
    >;
    resource.terraform_data.it.provisioner = [{ 'local-exec': { command: 'sleep 30' } }];
    await planUnit(slow);
    const folder = unitDir(workspace, 'test', 'slow');
    const child = (await import('execa')).execa('terraform', ['apply', '-input=false', 'plan'], {
      cwd: folder,
      reject: false,
    });
    const lock = path.join(path.dirname(localState(workspace, 'test', 'slow')), '.slow.tfstate.lock.info');
    while (!existsSync(lock)) await new Promise((done) => setTimeout(done, 20));
    child.kill('SIGKILL');
    await child;
    const again = unit('slow', 'x');
    expect(await applyUnit(again, yes)).toMatchObject({ changed: true });
  });

  it('finds no drift in what nobody touched, and nothing to destroy where nothing is', async () => {
    const work = unit('one', 'first');
    expect(await driftOf(work)).toBeUndefined();
    await applyUnit(work, yes);
    expect(await driftOf(work)).toEqual([]);
    expect(await destroyInCloud(unit('other', 1), yes, false)).toMatchObject({ changed: false });
    expect(await destroyInCloud(work, yes, false)).toMatchObject({ changed: true });
    expect((await stateOf(work))?.resources).toEqual([]);
  });

  it('destroys no bucket with data unless it is forced to', async () => {
    const s3 = new S3Client({ forcePathStyle: true });
    const location = { CreateBucketConfiguration: { LocationConstraint: 'eu-central-1' as const } };
    await s3.send(new CreateBucketCommand({ Bucket: 'lake', ...location }));
    await expect(refuseFullBuckets(['lake'], 'eu-central-1')).resolves.toBeUndefined();
    await s3.send(new PutObjectCommand({ Bucket: 'lake', Key: 'a', Body: 'x' }));
    await expect(refuseFullBuckets(['lake', 'gone'], 'eu-central-1')).rejects.toMatchObject({
      code: 'BUCKETS_NOT_EMPTY',
    });

    expect(bucketsIn(stateWithBucket)).toEqual(['lake']);
    expect(await emptyBucket('lake', 'eu-central-1')).toBe(1);
  });

  /** As AWS's provider leaves it, which can't be fetched here. */
  const stateWithBucket = {
    serial: 1,
    lineage: 'x',
    resources: [
      {
        mode: 'managed',
        type: 'aws_s3_bucket',
        name: 'lake',
        instances: [{ attributes: { bucket: 'lake', id: 'lake' } }],
      },
      {
        mode: 'data',
        type: 'aws_s3_bucket',
        name: 'other',
        instances: [{ attributes: { bucket: 'other' } }],
      },
    ],
  };

  it('leaves no secret of the environment in what it writes', async () => {
    process.env.AWS_SECRET_ACCESS_KEY = 'a-secret-of-the-callers';
    await applyUnit(unit('one', 'first'), yes);
    const files = readdirSync(workspace, { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
    for (const entry of files)
      expect(readFileSync(path.join(entry.parentPath, entry.name)).includes('a-secret-of-the-callers')).toBe(
        false,
      );
    expect(said.join()).not.toContain('a-secret-of-the-callers');
    expect(files.length).toBeGreaterThan(2);
  });
});
