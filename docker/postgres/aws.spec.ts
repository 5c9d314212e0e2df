import { ecs } from '@stack/ecs';
import { secrets } from '@stack/secrets';
import { environment, made } from '@stack/terraform/cdktf/testing';
import { postgres } from './service';

describe('postgres in AWS', () => {
  const it_ = made(
    postgres,
    [ecs, secrets],
    environment('  database: { class: db.t4g.small, multiZone: true }'),
  );

  it('is RDS: private, encrypted, with backups, of the environment’s size', () => {
    expect(it_.resource('aws_db_instance')).toMatchObject({
      engine: 'postgres',
      instance_class: 'db.t4g.small',
      multi_az: true,
      publicly_accessible: false,
      storage_encrypted: true,
      backup_retention_period: 7,
      skip_final_snapshot: false,
    });
    expect(it_.resource('aws_vpc_security_group_ingress_rule')).toMatchObject({
      from_port: 5432,
      to_port: 5432,
    });
  });

  it('gets the password that its secret has, and no state keeps it', () => {
    expect(it_.resource('aws_db_instance')).toMatchObject({
      password_wo: '${ephemeral.aws_secretsmanager_secret_version.postgres_password.secret_string}',
    });
    expect(it_.synth.terraform.ephemeral).toMatchObject({
      aws_secretsmanager_secret_version: {
        postgres_password: {
          secret_id: '${aws_secretsmanager_secret.password.arn}',
          depends_on: ['aws_secretsmanager_secret_version.password'],
        },
      },
    });
    expect(it_.outputs).toMatchObject({ host: '${aws_db_instance.instance.address}' });
    expect(Object.keys(it_.outputs)).toEqual(['host', 'secret_password', 'secret_reader']);
  });
});
