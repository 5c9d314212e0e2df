import { fargateSize, parseEnvironments, readEnvironments } from './environments';
import { findWorkspace } from '@stack/runtime';

const text = (settings: string) => `
project: fds
repository: acme/data
prod:
  account: '111122223333'
  region: eu-central-1
  deployFrom: { branch: main }
${settings}`;

describe('infra/environments.yml', () => {
  it('is valid as it comes, with dev and prod', () => {
    expect(Object.keys(readEnvironments(findWorkspace()))).toEqual(['dev', 'prod']);
  });

  it('fills in what isn’t written', () => {
    const { prod } = parseEnvironments(text('  network: { zones: 3 }'));
    expect(prod).toMatchObject({
      name: 'prod',
      project: 'fds',
      repository: 'acme/data',
      network: { cidr: '10.20.0.0/16', zones: 3, natGateways: 1 },
      database: { class: 'db.t4g.micro', multiZone: false },
      lake: { oldVersionsDays: 30 },
      services: {},
    });
  });

  it.each([
    ['  acount: 1', /prod: .*acount/],
    ['  network: { zones: 1 }', /prod\.network\.zones: a load balancer needs two zones/],
    [
      '  services: { web: { cpu: 256, memory: 8192 } }',
      /prod\.services\.web: memory: with cpu 256 Fargate has 512 to 2048 MiB/,
    ],
    ['  services: { web: { cpu: 300, memory: 1024 } }', /cpu: Fargate has 256, 512, .* not 300/],
    [
      '  services: { web: { tasks: { min: 3, max: 2 } } }',
      /prod\.services\.web\.tasks: min is more than max/,
    ],
    ['  lake: { oldVersionsDays: 0 }', /prod\.lake\.oldVersionsDays/],
    ['  lake: { infrequentAfterDays: 5 }', /S3 moves nothing before 30 days/],
    ['  network: { cidr: 10.999.0.0/16 }', /prod\.network\.cidr/],
    ['  network: { natGateways: 4 }', /at most one for each zone/],
    ['  database: { storage: 500 }', /maxStorage must be more than storage/],
    ["  public: { domain: '', certificate: 'arn:aws:acm:x', services: [web] }", /a domain is written like/],
    ['Prod-EU: {}', /Prod-EU/],
    ['  - [', /infra\/environments\.yml: /],
  ])('says what is wrong with %s', (settings, message) => {
    expect(() => parseEnvironments(text(settings))).toThrow(message);
  });

  it('refuses an account without quotes, a region and a repository that can’t be', () => {
    const wrong = text('').replace("'111122223333'", '11112222');
    expect(() => parseEnvironments(wrong)).toThrow(/prod\.account/);
    expect(() => parseEnvironments(text('').replace('eu-central-1', 'europe'))).toThrow(
      /a region is written like/,
    );
    expect(() => parseEnvironments(text('').replace('acme/data', 'acme/*'))).toThrow(
      /owner\/name, without wildcards/,
    );
  });

  it('gives a service the smallest task that holds its memory', () => {
    expect(fargateSize(undefined, '64Mi')).toEqual({ cpu: 256, memory: 512 });
    expect(fargateSize(undefined, '1Gi')).toEqual({ cpu: 256, memory: 1024 });
    expect(fargateSize(undefined, '3Gi')).toEqual({ cpu: 512, memory: 3072 });
    expect(fargateSize({ cpu: 1024, memory: 4096, tasks: { min: 1, max: 1 }, env: {} }, '1Gi')).toEqual({
      cpu: 1024,
      memory: 4096,
    });
    expect(() => fargateSize(undefined, '900Gi')).toThrow(/Fargate has no task/);
  });
});
