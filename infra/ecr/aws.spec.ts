import { defineService, httpReady } from '@stack/model';
import { made } from '@stack/terraform/cdktf/testing';
import { ecr } from './module';

const service = (name: string, image: string, number: number) =>
  defineService({
    name,
    summary: 'for this spec',
    ports: { http: { number, protocol: 'http' } },
    ready: httpReady('http', '/'),
    native: { plan: async () => [] },
    docker: { image },
    memory: '64Mi',
  });

describe('ecr in AWS', () => {
  const it_ = made(ecr, [service('ours', 'stack/ours:dev', 1), service('theirs', 'redis:8', 2)]);

  it('has a repository for each image of ours, and for no other', () => {
    expect(Object.keys(it_.resources('aws_ecr_repository'))).toEqual(['ours']);
    expect(it_.resource('aws_ecr_repository')).toMatchObject({
      name: 'fds-prod/ours',
      image_tag_mutability: 'IMMUTABLE',
      image_scanning_configuration: { scan_on_push: true },
    });
  });

  it('keeps the newest images', () => {
    const { rules } = JSON.parse(it_.resource('aws_ecr_lifecycle_policy').policy as string) as {
      rules: object[];
    };
    expect(rules).toEqual([
      expect.objectContaining({ selection: expect.objectContaining({ tagStatus: 'untagged' }) as object }),
      expect.objectContaining({
        selection: expect.objectContaining({ countType: 'imageCountMoreThan' }) as object,
      }),
    ]);
    expect(it_.outputs).toEqual({ registry: '111122223333.dkr.ecr.eu-central-1.amazonaws.com' });
  });
});
