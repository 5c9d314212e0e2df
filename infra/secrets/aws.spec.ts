import { defineService, generated, httpReady } from '@stack/model';
import { synthesise } from '@stack/terraform/cdktf';
import { environment, made } from '@stack/terraform/cdktf/testing';
import { secrets } from './module';

describe('secrets in AWS', () => {
  it('is a key that rotates and has a name', () => {
    const it_ = made(secrets);
    expect(it_.resource('aws_kms_key')).toMatchObject({
      enable_key_rotation: true,
      deletion_window_in_days: 30,
    });
    expect(it_.resource('aws_kms_alias').name).toBe('alias/fds-prod-secrets');
    expect(it_.outputs).toMatchObject({ keyArn: '${aws_kms_key.key.arn}', dir: 'fds-prod/' });
  });
});

describe('a unit’s own secrets', () => {
  const service = defineService({
    name: 'vault',
    summary: 'for this spec',
    ports: { http: { number: 1, protocol: 'http' } },
    secrets: { token: generated({ bytes: 24 }) },
    ready: httpReady('http', '/'),
    native: { plan: async () => [] },
    aws: { resources: './vault.fixture' },
    memory: '64Mi',
  });
  const of = (settings = '') => made(service, [secrets], environment(settings));

  it('are made by AWS and written where no state keeps them', () => {
    const { terraform } = of().synth;
    expect(terraform.ephemeral).toMatchObject({
      aws_secretsmanager_random_password: { token: { password_length: 32, exclude_punctuation: true } },
    });
    expect(of().resource('aws_secretsmanager_secret_version')).toEqual({
      secret_id: '${aws_secretsmanager_secret.token.id}',
      secret_string_wo: '${ephemeral.aws_secretsmanager_random_password.token.random_password}',
      secret_string_wo_version: 1,
    });
    expect(of().resource('aws_secretsmanager_secret')).toMatchObject({
      name: 'fds-prod/vault/token',
      recovery_window_in_days: 7,
      kms_key_id: '${data.terraform_remote_state.secrets.outputs.keyArn}',
    });
    expect(of().outputs).toEqual({ secret_token: '${aws_secretsmanager_secret.token.arn}' });
  });

  it('are rotated by the environment’s Lambda, if it has one', () => {
    expect(of().resources('aws_secretsmanager_secret_rotation')).toEqual({});
    const lambda = 'arn:aws:lambda:eu-central-1:111122223333:function:rotate';
    const rotated = of(`  secrets: { rotation: { lambda: '${lambda}', days: 30 } }`);
    expect(rotated.resource('aws_secretsmanager_secret_rotation')).toMatchObject({
      rotation_lambda_arn: lambda,
      rotation_rules: { automatically_after_days: 30 },
    });
  });

  it('are refused as an output', () => {
    const unit = { ...service, aws: { resources: './leaking.fixture' } };
    expect(() => synthesise(unit, environment(), [unit, secrets])).toThrow(/output it: has a secret/);
  });
});
