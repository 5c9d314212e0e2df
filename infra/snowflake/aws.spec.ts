import { environment, made } from '@stack/terraform/cdktf/testing';
import { secrets } from '@stack/secrets';
import { snowflake } from './module';

interface Grant {
  readonly account_role_name: string;
  readonly privileges: readonly string[];
  readonly on_schema?: { readonly schema_name: string };
  readonly on_schema_object?: Record<
    'all' | 'future',
    { readonly in_schema: string; readonly object_type_plural: string }
  >;
}

describe('snowflake', () => {
  const it_ = made(snowflake, [secrets]);
  const grants = Object.values(
    it_.resources('snowflake_grant_privileges_to_account_role'),
  ) as unknown as Grant[];
  const of = (role: string) => grants.filter((grant) => grant.account_role_name.includes(`role-${role}`));

  it('has warehouses that stop by themselves and by budget', () => {
    const warehouses = Object.values(it_.resources('snowflake_warehouse'));
    expect(warehouses).toHaveLength(3);
    for (const warehouse of warehouses)
      expect(warehouse).toMatchObject({ auto_suspend: 60, auto_resume: 'true', initially_suspended: true });
    expect(it_.resource('snowflake_resource_monitor')).toMatchObject({
      credit_quota: 10,
      suspend_immediate_trigger: 100,
    });
    expect(JSON.stringify(warehouses[0])).toContain('snowflake_resource_monitor.budget');
  });

  it('has a schema for each stage, and dbt’s snapshots', () => {
    const names = Object.values(it_.resources('snowflake_schema')).map(({ name }) => name);
    expect(names).toEqual(['RAW', 'STAGING', 'MARTS', 'HISTORY']);
  });

  it('lets the reader read the marts, also those to come, and write nothing', () => {
    const privileges = of('reader').flatMap((grant) => grant.privileges);
    expect([...new Set(privileges)].sort()).toEqual(['OPERATE', 'SELECT', 'USAGE']);
    const schemas = of('reader').flatMap((grant) => [
      ...(grant.on_schema ? [grant.on_schema.schema_name] : []),
      ...Object.values(grant.on_schema_object ?? {}).map((where) => where.in_schema),
    ]);
    expect(new Set(schemas)).toEqual(new Set(['${snowflake_schema.schema-marts.fully_qualified_name}']));
    const future = of('reader').filter((grant) => grant.on_schema_object?.future);
    expect(future.map((grant) => grant.on_schema_object?.future.object_type_plural)).toEqual([
      'TABLES',
      'VIEWS',
    ]);
  });

  it('lets the loader write RAW only', () => {
    const schemas = of('loader').flatMap((grant) => [
      ...(grant.on_schema ? [grant.on_schema.schema_name] : []),
      ...Object.values(grant.on_schema_object ?? {}).map((where) => where.in_schema),
    ]);
    expect(new Set(schemas)).toEqual(new Set(['${snowflake_schema.schema-raw.fully_qualified_name}']));
    expect(of('loader').flatMap((grant) => grant.privileges)).toContain('CREATE TABLE');
    const future = of('loader').filter((grant) => grant.on_schema_object?.future);
    expect(future.flatMap((grant) => grant.privileges)).toContain('INSERT');
  });

  it('has a user for the pipeline that logs in with a key', () => {
    const at = environment('', 'prod');
    const withKey = made(snowflake, [secrets], { ...at, snowflake: { ...at.snowflake!, publicKey: 'MIIB' } });
    expect(withKey.resource('snowflake_service_user')).toMatchObject({
      name: 'FDS_PROD_PIPELINE',
      rsa_public_key: 'MIIB',
    });
    expect(it_.text).not.toMatch(/password/i);
    expect(it_.resources('aws_secretsmanager_secret_version')).toEqual({});
    expect(it_.outputs.account).toBe('ACME-PROD');
  });

  it('says what is missing when the environment has no Snowflake', () => {
    expect(() => made(snowflake, [secrets], { ...environment(), snowflake: undefined })).toThrow(
      /prod\.snowflake: is missing/,
    );
  });
});
