import { type UnitStack, defineResources, snowflake as sf } from '@stack/terraform/cdktf';
import { StackError } from '@stack/model';
import { givenSecret } from '@stack/secrets/in-aws';

/** Besides those of the model: dbt's snapshots. */
const SCHEMAS = ['RAW', 'STAGING', 'MARTS', 'HISTORY'] as const;
type Schema = (typeof SCHEMAS)[number];

/** Kinds of work, each with a warehouse of its own, so that none waits for another and each one's cost is seen. */
const WORK = ['LOADING', 'TRANSFORMING', 'READING'] as const;

/**
 * Database, schemas, warehouses that stop by themselves and by budget, and three roles: the loader writes RAW, the transformer reads
 * RAW and owns the rest, the reader reads MARTS. Terraform logs in as SNOWFLAKE_USER, with the key or password of its environment.
 */
export default defineResources((stack) => {
  const settings = stack.environment.snowflake;
  if (!settings)
    throw new StackError(
      'ENVIRONMENTS_INVALID',
      `infra/environments.yml: ${stack.environment.name}.snowflake: is missing`,
      'give its organization and account',
    );
  stack.useAws();
  new sf.SnowflakeProvider(stack, 'snowflake', {
    organizationName: settings.organization,
    accountName: settings.account,
    role: 'ACCOUNTADMIN',
    disableTelemetry: true,
  });
  const prefix = stack.prefix.replaceAll('-', '_').toUpperCase();
  const name = (part: string) => `${prefix}_${part}`;

  const monitor = new sf.ResourceMonitor(stack, 'budget', {
    name: name('BUDGET'),
    creditQuota: settings.monthlyCredits,
    frequency: 'MONTHLY',
    startTimestamp: 'IMMEDIATELY',
    notifyTriggers: [50, 80],
    suspendTrigger: 95,
    suspendImmediateTrigger: 100,
  });
  monitor.addOverride('lifecycle.ignore_changes', ['start_timestamp']);
  const warehouses = Object.fromEntries(
    WORK.map((work) => [
      work,
      new sf.Warehouse(stack, `warehouse-${work.toLowerCase()}`, {
        name: name(work),
        comment: `${work.toLowerCase()} of ${stack.prefix}`,
        warehouseSize: work === 'TRANSFORMING' ? settings.size : 'XSMALL',
        autoSuspend: settings.autoSuspendSeconds,
        autoResume: 'true',
        initiallySuspended: true,
        resourceMonitor: monitor.fullyQualifiedName,
        statementTimeoutInSeconds: 3_600,
      }),
    ]),
  );
  const database = new sf.Database(stack, 'database', { name: prefix, dataRetentionTimeInDays: 7 });
  const schemas = Object.fromEntries(
    SCHEMAS.map((schema) => [
      schema,
      new sf.Schema(stack, `schema-${schema.toLowerCase()}`, { database: database.name, name: schema }),
    ]),
  ) as Record<Schema, sf.Schema>;

  const role = (part: string, comment: string) =>
    new sf.AccountRole(stack, `role-${part.toLowerCase()}`, { name: name(part), comment });
  const loader = role('LOADER', 'Writes what is loaded');
  const transformer = role('TRANSFORMER', 'Reads what is loaded, makes the marts');
  const reader = role('READER', 'Reads the marts');
  const pipeline = role('PIPELINE', 'Loads and transforms');

  const grants = new Grants(stack, database);
  for (const one of [loader, transformer, reader]) grants.database(one, ['USAGE']);
  grants.database(transformer, ['CREATE SCHEMA']);
  grants.schema(loader, schemas.RAW, ['USAGE', 'CREATE TABLE', 'CREATE STAGE', 'CREATE FILE FORMAT']);
  // The pipeline's tables are the pipeline's own: who loads as LOADER alone may change them too.
  grants.every(loader, schemas.RAW, 'TABLES', ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']);
  grants.schema(transformer, schemas.RAW, ['USAGE']);
  grants.everyTable(transformer, schemas.RAW, ['SELECT']);
  for (const own of [schemas.STAGING, schemas.MARTS, schemas.HISTORY])
    grants.schema(transformer, own, ['USAGE', 'CREATE TABLE', 'CREATE VIEW']);
  grants.schema(reader, schemas.MARTS, ['USAGE']);
  grants.everyTable(reader, schemas.MARTS, ['SELECT']);
  grants.warehouse(loader, warehouses.LOADING);
  grants.warehouse(transformer, warehouses.TRANSFORMING);
  grants.warehouse(reader, warehouses.READING);
  for (const [part, inner] of [
    ['loader', loader],
    ['transformer', transformer],
  ] as const)
    new sf.GrantAccountRole(stack, `pipeline-is-${part}`, {
      roleName: inner.name,
      parentRoleName: pipeline.name,
    });
  for (const [part, one] of [
    ['pipeline', pipeline],
    ['reader', reader],
  ] as const)
    new sf.GrantAccountRole(stack, `admins-have-${part}`, { roleName: one.name, parentRoleName: 'SYSADMIN' });

  const user = new sf.ServiceUser(stack, 'pipeline-user', {
    name: name('PIPELINE'),
    comment: 'The pipeline; logs in with a key',
    defaultRole: pipeline.name,
    defaultWarehouse: warehouses.TRANSFORMING.name,
    rsaPublicKey: settings.publicKey,
  });
  new sf.GrantAccountRole(stack, 'pipeline-user-role', { roleName: pipeline.name, userName: user.name });

  return {
    account: `${settings.organization}-${settings.account}`,
    database: database.name,
    loadingWarehouse: warehouses.LOADING.name,
    transformingWarehouse: warehouses.TRANSFORMING.name,
    readingWarehouse: warehouses.READING.name,
    pipelineUser: user.name,
    pipelineRole: pipeline.name,
    readerRole: reader.name,
    pipelineKey: givenSecret(stack, 'pipelineKey'),
  };
});

/** Grants in one database, each a resource of its own. */
class Grants {
  private count = 0;
  constructor(
    private readonly stack: UnitStack,
    private readonly of: sf.Database,
  ) {}

  database(role: sf.AccountRole, privileges: string[]): void {
    this.grant(role, { privileges, onAccountObject: { objectType: 'DATABASE', objectName: this.of.name } });
  }

  warehouse(role: sf.AccountRole, warehouse: sf.Warehouse): void {
    this.grant(role, {
      privileges: ['USAGE', 'OPERATE'],
      onAccountObject: { objectType: 'WAREHOUSE', objectName: warehouse.name },
    });
  }

  schema(role: sf.AccountRole, schema: sf.Schema, privileges: string[]): void {
    this.grant(role, { privileges, onSchema: { schemaName: schema.fullyQualifiedName } });
  }

  /** On every table and view that the schema has, and that it will have. */
  everyTable(role: sf.AccountRole, schema: sf.Schema, privileges: string[]): void {
    for (const kind of ['TABLES', 'VIEWS'] as const) this.every(role, schema, kind, privileges);
  }

  /** On every one of the kind, those that the schema has and those that it will have. */
  every(role: sf.AccountRole, schema: sf.Schema, kind: 'TABLES' | 'VIEWS', privileges: string[]): void {
    const where = { objectTypePlural: kind, inSchema: schema.fullyQualifiedName };
    this.grant(role, { privileges, onSchemaObject: { all: where } });
    this.grant(role, { privileges, onSchemaObject: { future: where } });
  }

  private grant(
    role: sf.AccountRole,
    grant: Omit<sf.GrantPrivilegesToAccountRoleConfig, 'accountRoleName'>,
  ): void {
    new sf.GrantPrivilegesToAccountRole(this.stack, `grant-${this.count++}`, {
      accountRoleName: role.name,
      ...grant,
    });
  }
}
