import { made } from '@stack/terraform/cdktf/testing';
import { state } from './module';

describe('state in AWS', () => {
  const it_ = made(state);

  it('is a private, versioned bucket that Terraform itself can’t destroy', () => {
    expect(it_.resource('aws_s3_bucket')).toMatchObject({
      bucket: 'fds-prod-state-111122223333',
      lifecycle: { prevent_destroy: true },
    });
    expect(it_.resource('aws_s3_bucket_versioning').versioning_configuration).toEqual({ status: 'Enabled' });
    expect(it_.resource('aws_s3_bucket_public_access_block')).toMatchObject({
      restrict_public_buckets: true,
    });
    expect(it_.resource('aws_s3_bucket_policy').policy).toContain('aws:SecureTransport');
  });

  it('has the table that Terraform locks with', () => {
    expect(it_.resource('aws_dynamodb_table')).toMatchObject({
      name: 'fds-prod-locks',
      hash_key: 'LockID',
      attribute: [{ name: 'LockID', type: 'S' }],
    });
    expect(it_.outputs).toMatchObject({ table: '${aws_dynamodb_table.locks.name}', region: 'eu-central-1' });
  });
});
