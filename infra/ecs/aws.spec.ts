import {
  type Probe,
  defineModule,
  defineService,
  generated,
  httpReady,
  nodeHealth,
  own,
  stack,
} from '@stack/model';
import { githubOidc } from '@stack/github-oidc';
import { secrets } from '@stack/secrets';
import { environment, made } from '@stack/terraform/cdktf/testing';
import { ecs, fargate } from './module';

const infra = [ecs, githubOidc, secrets];

describe('ecs in AWS', () => {
  const it_ = made(ecs, [], environment('  network: { zones: 3, natGateways: 2 }'));

  it('has tasks in private subnets, one a zone, with their way out through NAT gateways', () => {
    expect(Object.keys(it_.resources('aws_subnet'))).toHaveLength(6);
    expect(Object.keys(it_.resources('aws_nat_gateway'))).toHaveLength(2);
    const subnets = Object.values(it_.resources('aws_subnet')).map((subnet) => subnet.cidr_block);
    expect(new Set(subnets).size).toBe(6);
    expect(it_.outputs.privateSubnets).toEqual([0, 1, 2].map((zone) => `\${aws_subnet.private-${zone}.id}`));
    expect(it_.resource('aws_vpc_endpoint').service_name).toBe('com.amazonaws.eu-central-1.s3');
  });

  it('is reached from inside only, unless a domain is given', () => {
    expect(it_.resource('aws_lb').internal).toBe(true);
    expect(it_.resource('aws_lb_listener')).toMatchObject({ port: 80, protocol: 'HTTP' });
    const certificate = 'arn:aws:acm:eu-central-1:111122223333:certificate/x';
    const shown = made(
      ecs,
      [],
      environment(`  public: { domain: data.acme.example, certificate: '${certificate}', services: [web] }`),
    );
    expect(shown.resource('aws_lb').internal).toBe(false);
    expect(shown.resource('aws_lb_listener')).toMatchObject({
      port: 443,
      protocol: 'HTTPS',
      certificate_arn: certificate,
    });
  });

  it('lets tasks be reached by each other and by the load balancer, not by the world', () => {
    const rules = Object.values(it_.resources('aws_vpc_security_group_ingress_rule'));
    const open = rules.filter((rule) => rule.cidr_ipv4 === ('0.0.0.0/0' as never));
    expect(open).toEqual([]);
    expect(it_.resource('aws_efs_file_system').encrypted).toBe(true);
  });
});

describe('a service on Fargate', () => {
  const lake = defineModule({
    name: 'lake',
    summary: 'for this spec',
    native: { outputs: { bucket: 'lake', key: 'x' }, apply: async () => undefined },
    aws: { outputs: { bucket: 'its name', readers: 'a policy' }, policies: { key: 'readers' } },
  });
  const database = defineService({
    name: 'database',
    summary: 'for this spec',
    ports: { sql: { number: 5432, protocol: 'postgresql', user: 'app', password: 'password' } },
    secrets: { password: generated() },
    ready: { type: 'postgres', port: 'sql' },
    native: { plan: async () => [] },
    aws: { resources: './none' },
    memory: '64Mi',
  });
  const absent = defineService({
    name: 'absent',
    summary: 'for this spec',
    ports: { http: { number: 9, protocol: 'http' } },
    ready: httpReady('http', '/'),
    native: { plan: async () => [] },
    aws: { none: 'for this spec' },
    memory: '64Mi',
  });
  const web = (options: Parameters<typeof fargate>[0] = {}) =>
    defineService({
      name: 'web',
      summary: 'for this spec',
      ports: { http: { number: 4200, protocol: 'http' } },
      secrets: { token: generated() },
      volumes: { cache: '/cache', kept: '/kept' },
      env: {
        HOST: stack.bind,
        PORT: own.port('http'),
        TOKEN: own.secret('token'),
        CACHE: own.volume('cache'),
        BUCKET: lake.output('bucket'),
        KEY: lake.output('key'),
        DATABASE_URL: database.url('sql', { database: 'web' }),
        SOCKET: stack.socket,
        ELSEWHERE: absent.url('http'),
      },
      ready: httpReady('http', '/health'),
      native: { plan: async () => [] },
      docker: { image: 'stack/web:dev', health: nodeHealth },
      route: { port: 'http' },
      memory: '1Gi',
      aws: fargate({ ephemeral: ['cache'], ...options }),
    });
  const units = [...infra, lake, database, absent];
  const it_ = made(web(), units);
  interface Container {
    name: string;
    image: string;
    environment: { name: string; value: string }[];
    secrets: { name: string; valueFrom: string }[];
    healthCheck?: { command: string[] };
    portMappings: { containerPort: number }[];
  }
  const containers = (of = it_) =>
    JSON.parse(of.resource('aws_ecs_task_definition').container_definitions as string) as Container[];
  const [container] = containers();
  const value = (name: string) => container.environment.find((one) => one.name === name)?.value;
  const secret = (name: string) => container.secrets.find((one) => one.name === name)?.valueFrom;

  it('has the definition’s image, port, size and health', () => {
    expect(container.image).toBe(
      '111122223333.dkr.ecr.eu-central-1.amazonaws.com/fds-prod/web:${var.image_tag}',
    );
    expect(container.portMappings).toEqual([{ containerPort: 4200, protocol: 'tcp' }]);
    expect(it_.resource('aws_ecs_task_definition')).toMatchObject({ cpu: '256', memory: '1024' });
    expect(container.healthCheck?.command.join(' ')).toContain('http://127.0.0.1:4200/health');
    const large = made(
      web(),
      units,
      environment('  services: { web: { cpu: 1024, memory: 4096, env: { LEVEL: debug } } }'),
    );
    expect(large.resource('aws_ecs_task_definition')).toMatchObject({ cpu: '1024', memory: '4096' });
    expect(containers(large)[0].environment).toContainEqual({ name: 'LEVEL', value: 'debug' });
  });

  it('has the definition’s environment, as far as it has a meaning there', () => {
    expect([value('HOST'), value('PORT'), value('CACHE')]).toEqual(['0.0.0.0', '4200', '/cache']);
    expect(value('BUCKET')).toBe('${data.terraform_remote_state.lake.outputs.bucket}');
    for (const name of ['KEY', 'SOCKET', 'ELSEWHERE']) expect(value(name) ?? secret(name)).toBeUndefined();
    expect(it_.synth.imports).toEqual(['database', 'ecs', 'github-oidc', 'lake', 'secrets']);
  });

  it('has a right where natively it has a key', () => {
    expect(it_.resource('aws_iam_role_policy_attachment')).toMatchObject({
      policy_arn: '${data.terraform_remote_state.lake.outputs.readers}',
    });
  });

  it('gets secrets by ARN when it starts; no value is in the files', () => {
    expect(secret('TOKEN')).toBe('${aws_secretsmanager_secret.token.arn}');
    expect(secret('DATABASE_URL')).toBe('${aws_secretsmanager_secret.env_DATABASE_URL.arn}');
    const version = it_.resource('aws_secretsmanager_secret_version', 'env_DATABASE_URL');
    expect(version).not.toHaveProperty('secret_string');
    expect(version.secret_string_wo).toBe(
      'postgresql://app:${urlencode(ephemeral.aws_secretsmanager_secret_version.database_password.secret_string)}@${data.terraform_remote_state.database.outputs.host}:5432/web',
    );
    const policy = it_.resource('aws_iam_role_policy', 'start-policy').policy as string;
    expect(policy).toContain('aws_secretsmanager_secret.token.arn');
    expect(policy).not.toContain('"secretsmanager:*"');
    expect(it_.outputs).toEqual({
      host: 'web.fds-prod.internal',
      secret_token: '${aws_secretsmanager_secret.token.arn}',
    });
  });

  it('keeps its volumes but for those it may lose, and scales between its bounds', () => {
    expect(Object.keys(it_.resources('aws_efs_access_point'))).toEqual(['volume-kept']);
    expect(it_.resources('aws_appautoscaling_target')).toEqual({});
    const scaled = made(web(), units, environment('  services: { web: { tasks: { min: 2, max: 6 } } }'));
    expect(scaled.resource('aws_ecs_service').desired_count).toBe(2);
    expect(scaled.resource('aws_appautoscaling_target')).toMatchObject({ min_capacity: 2, max_capacity: 6 });
    const single = made(
      web({ singleton: true }),
      units,
      environment('  services: { web: { tasks: { min: 2, max: 6 } } }'),
    );
    expect(single.resource('aws_ecs_service')).toMatchObject({
      desired_count: 1,
      deployment_maximum_percent: 100,
    });
  });

  it('is reached under its name, within the roles’ bound', () => {
    expect(JSON.stringify(it_.resource('aws_lb_listener_rule'))).toContain('web.*');
    const shown = (service: string) => {
      const at = `  public: { domain: acme.example, certificate: 'arn:aws:acm:x', services: [${service}] }`;
      return JSON.stringify(made(web(), units, environment(at)).resources('aws_lb_listener_rule'));
    };
    expect(shown('web')).toContain('web.acme.example');
    // What the world may reach is named: not everything asks for a login.
    expect(shown('other')).toBe('{}');
    expect(it_.resource('aws_ecs_service').depends_on).toEqual(
      expect.arrayContaining(['aws_iam_role_policy.start-policy', 'aws_secretsmanager_secret_version.token']),
    );
    for (const role of Object.values(it_.resources('aws_iam_role')))
      expect(role.permissions_boundary).toBe(
        '${data.terraform_remote_state.github-oidc.outputs.workloadBoundary}',
      );
  });

  it('asks as the probe does, and looks for what it looks for', () => {
    const probe: Probe = {
      type: 'http',
      port: 'http',
      path: '/graphql',
      body: '{"a": "it\'s"}',
      contains: '"healthy":true',
    };
    const [command, flag, code] = nodeHealth(probe, 80, '127.0.0.1') ?? [];
    expect([command, flag]).toEqual(['node', '-e']);
    expect(() => new Function(code)).not.toThrow();
    expect(code).toContain('healthy');
  });
});
