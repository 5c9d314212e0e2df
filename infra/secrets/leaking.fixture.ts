import { defineResources } from '@stack/terraform/cdktf';

/** An output with a secret in it, which is refused. */
export default defineResources(() => ({
  it: '${ephemeral.aws_secretsmanager_secret_version.x.secret_string}',
}));
