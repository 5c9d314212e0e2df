import { containersHere } from '@stack/testing';

describe('DataHub’s service', () => {
  const [database, update, gms] = containersHere().of('datahub-gms');

  it('starts after its database is made and DataHub’s own update has ended', () => {
    expect([database.name, update.name, gms.name]).toEqual([
      'datahub-gms-database',
      'datahub-gms-update',
      'datahub-gms',
    ]);
    expect([database.after, update.after, gms.after]).toEqual([
      ['kafka', 'opensearch', 'postgres'],
      ['datahub-gms-database'],
      ['datahub-gms-update'],
    ]);
    expect([database.probe, update.probe, gms.probe?.port]).toEqual([undefined, undefined, 'http']);
  });

  it('is updated by the same version, with the same stores', () => {
    expect(update.image.split(':')[1]).toBe(gms.image.split(':')[1]);
    expect(update.env).toMatchObject({ ...gms.env, DATAHUB_PRECREATE_TOPICS: 'true' });
    expect(gms.env).toMatchObject({
      KAFKA_BOOTSTRAP_SERVER: 'kafka:9092',
      ELASTICSEARCH_HOST: 'opensearch',
      EBEAN_DATASOURCE_URL: 'jdbc:postgresql://postgres:5432/datahub',
      KAFKA_SCHEMAREGISTRY_URL: 'http://datahub-gms:8080/schema-registry/api/',
    });
  });

  it('shows no secret in its environment', () => {
    expect(Object.keys(gms.secrets)).toEqual(
      expect.arrayContaining(['EBEAN_DATASOURCE_PASSWORD', 'DATAHUB_SYSTEM_CLIENT_SECRET']),
    );
  });
});
