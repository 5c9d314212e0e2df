/** A service's task definition and service on Fargate, from its definition. */
import {
  IMAGE_USER,
  type Probe,
  type Service,
  type Value,
  containerEnvironment,
  insideOf,
  isOwnImage,
  isProbe,
  ownedBy,
} from '@stack/model';
import { githubOidc } from '@stack/github-oidc';
import { secrets } from '@stack/secrets';
import { ownSecrets, variables } from '@stack/secrets/in-aws';
import {
  type Resources,
  type UnitStack,
  type Variable,
  aws,
  repositoryOf,
  addressOf,
} from '@stack/terraform/cdktf';
import { EMULATED, fargateSize } from '@stack/terraform/environments';
import { type FargateOptions, ecs } from './module';

/** Days for which logs are kept. */
const LOG_DAYS = 30;
/** Average CPU, in percent, that autoscaling holds. */
const CPU_TARGET = 60;

const fargate: Resources<FargateOptions> = (stack, options) => {
  stack.useAws();
  const { service } = stack;
  const size = stack.environment.services[service.name];
  const { cpu, memory } = fargateSize(size, service.memory);
  const tasks = options.singleton ? { min: 1, max: 1 } : (size?.tasks ?? { min: 1, max: 1 });
  const given = ownSecrets(stack);
  const differing = Object.entries(options.env ?? {}).map(([name, value]) => [
    name,
    ownedBy(service.name, value),
  ]);
  const environment = variables(stack, {
    ...containerEnvironment(service, 'apart'),
    ...(Object.fromEntries(differing) as Record<string, Value>),
    ...size?.env,
  });
  const log = new aws.CloudwatchLogGroup(stack, 'log', {
    name: `/${stack.prefix}/${service.name}`,
    retentionInDays: LOG_DAYS,
  });
  const volumes = Object.keys(service.volumes).filter((name) => !options.ephemeral?.includes(name));
  const points = volumes.map((name) => [name, accessPoint(stack, name)] as const);
  const { executionRole, taskRole } = roles(
    stack,
    log,
    environment,
    points.map(([, point]) => point),
  );

  const definition = new aws.EcsTaskDefinition(stack, 'task', {
    family: stack.named(service.name),
    requiresCompatibilities: ['FARGATE'],
    networkMode: 'awsvpc',
    cpu: String(cpu),
    memory: String(memory),
    executionRoleArn: executionRole.arn,
    taskRoleArn: taskRole.arn,
    runtimePlatform: { cpuArchitecture: 'X86_64', operatingSystemFamily: 'LINUX' },
    containerDefinitions: JSON.stringify(containers(stack, environment, log.name)),
    volume: [
      ...points.map(([name, point]) => ({
        name,
        efsVolumeConfiguration: {
          fileSystemId: stack.outputOf(ecs, 'fileSystemId'),
          transitEncryption: 'ENABLED',
          authorizationConfig: { accessPointId: point.id, iam: 'ENABLED' },
        },
      })),
      ...(options.ephemeral ?? []).map((name) => ({ name })),
    ],
  });
  const name = new aws.ServiceDiscoveryService(stack, 'name', {
    name: service.name,
    dnsConfig: { namespaceId: stack.outputOf(ecs, 'namespaceId'), dnsRecords: [{ type: 'A', ttl: 10 }] },
  });
  const { public: shown } = stack.environment;
  const target =
    service.route && (!shown || shown.services.includes(service.name))
      ? targetGroup(stack, service)
      : undefined;
  const running = new aws.EcsService(stack, 'service', {
    name: service.name,
    cluster: stack.outputOf(ecs, 'clusterArn'),
    taskDefinition: definition.arn,
    desiredCount: tasks.min,
    launchType: 'FARGATE',
    enableExecuteCommand: false,
    propagateTags: 'SERVICE',
    // An emulator starts no tasks.
    waitForSteadyState: stack.environment.name !== EMULATED,
    deploymentCircuitBreaker: { enable: true, rollback: true },
    ...(options.singleton
      ? { deploymentMinimumHealthyPercent: 0, deploymentMaximumPercent: 100 }
      : { deploymentMinimumHealthyPercent: 100, deploymentMaximumPercent: 200 }),
    networkConfiguration: {
      subnets: stack.listOf(ecs, 'privateSubnets'),
      securityGroups: [stack.outputOf(ecs, 'taskSecurityGroup')],
    },
    serviceRegistries: { registryArn: name.arn },
    ...(target && {
      loadBalancer: [
        {
          targetGroupArn: target.group.arn,
          containerName: firstContainer(service),
          containerPort: insideOf(service.ports[service.route?.port ?? '']),
        },
      ],
      healthCheckGracePeriodSeconds: 120,
    }),
  });
  // Its first task is started with all of its rights and secrets, and reached by the load balancer.
  running.dependsOn = [...stack.beforeStart, ...(target ? [addressOf(target.rule)] : [])];
  if (tasks.max > tasks.min) {
    running.addOverride('lifecycle.ignore_changes', ['desired_count']);
    autoscale(stack, running, tasks);
  }
  return { host: stack.hostName, ...given };
};

export default fargate;

/** One container, or one for each process; all of them from the same image and with the same environment. */
function containers(stack: UnitStack, environment: Record<string, Variable>, logGroup: string): object[] {
  const { service } = stack;
  const { image, command, processes } = service.docker ?? { image: '' };
  const { registry, repository } = repositoryOf(stack.environment, service.name);
  const split = Object.entries(environment).sort();
  const common = {
    image: isOwnImage(image) ? `${registry}/${repository}:\${var.image_tag}` : image,
    essential: true,
    readonlyRootFilesystem: false,
    environment: split.flatMap(([name, variable]) =>
      'value' in variable ? [{ name, value: variable.value }] : [],
    ),
    secrets: split.flatMap(([name, variable]) =>
      'secret' in variable ? [{ name, valueFrom: variable.secret }] : [],
    ),
    mountPoints: Object.entries(service.volumes).map(([name, containerPath]) => ({
      sourceVolume: name,
      containerPath,
    })),
    linuxParameters: { initProcessEnabled: true },
    logConfiguration: {
      logDriver: 'awslogs',
      options: {
        'awslogs-group': logGroup,
        'awslogs-region': stack.environment.region,
        'awslogs-stream-prefix': service.name,
      },
    },
  };
  if (isOwnImage(image))
    stack.addOverride('variable.image_tag', {
      type: 'string',
      description: 'Commit that the image was built from',
    });
  const ports = Object.values(service.ports).map((defined) => ({
    containerPort: insideOf(defined),
    protocol: 'tcp',
  }));
  if (!processes)
    return [
      {
        ...common,
        name: 'main',
        command,
        portMappings: ports,
        healthCheck: health(service, service.ready as Probe),
      },
    ];
  return Object.entries(processes).map(([name, process], i) => ({
    ...common,
    name,
    command: process.command,
    portMappings: i === 0 ? ports : [],
    healthCheck: isProbe(service.ready) ? undefined : health(service, service.ready[name]),
  }));
}

const firstContainer = (service: Service): string => Object.keys(service.docker?.processes ?? { main: 0 })[0];

/** A command inside the container that succeeds when it is healthy. */
function health(service: Service, probe: Probe | undefined): object | undefined {
  const command = probe && service.docker?.health?.(probe, insideOf(service.ports[probe.port]), '127.0.0.1');
  return command && { command: ['CMD', ...command], interval: 10, timeout: 5, retries: 5, startPeriod: 120 };
}

function accessPoint(stack: UnitStack, volume: string): aws.EfsAccessPoint {
  const { service } = stack;
  return new aws.EfsAccessPoint(stack, `volume-${volume}`, {
    fileSystemId: stack.outputOf(ecs, 'fileSystemId'),
    posixUser: { uid: IMAGE_USER, gid: IMAGE_USER },
    rootDirectory: {
      path: `/${service.name}/${volume}`,
      creationInfo: { ownerUid: IMAGE_USER, ownerGid: IMAGE_USER, permissions: '0750' },
    },
  });
}

/**
 * Two roles: the one with which ECS starts the task (image, log, the task's secrets), and the one that the programs have (what
 * the definition's references stand for, its volumes).
 */
function roles(
  stack: UnitStack,
  log: aws.CloudwatchLogGroup,
  environment: Record<string, Variable>,
  points: readonly aws.EfsAccessPoint[],
): { executionRole: aws.IamRole; taskRole: aws.IamRole } {
  const { service } = stack;
  const trust = JSON.stringify({
    Version: '2012-10-17',
    Statement: {
      Effect: 'Allow',
      Principal: { Service: 'ecs-tasks.amazonaws.com' },
      Action: 'sts:AssumeRole',
      Condition: { StringEquals: { 'aws:SourceAccount': stack.environment.account } },
    },
  });
  const role = (part: string) =>
    new aws.IamRole(stack, `role-${part}`, {
      name: stack.named(`${service.name}-${part}`),
      assumeRolePolicy: trust,
      permissionsBoundary: stack.outputOf(githubOidc, 'workloadBoundary'),
    });
  const executionRole = role('start');
  const taskRole = role('task');
  const arns = Object.values(environment).flatMap((variable) =>
    'secret' in variable ? [variable.secret] : [],
  );
  inline(stack, 'start-policy', executionRole, [
    {
      Effect: 'Allow',
      Action: [
        'ecr:GetAuthorizationToken',
        'ecr:BatchGetImage',
        'ecr:GetDownloadUrlForLayer',
        'ecr:BatchCheckLayerAvailability',
      ],
      Resource: '*',
    },
    { Effect: 'Allow', Action: ['logs:CreateLogStream', 'logs:PutLogEvents'], Resource: `${log.arn}:*` },
    ...(arns.length > 0
      ? [
          { Effect: 'Allow', Action: 'secretsmanager:GetSecretValue', Resource: arns },
          { Effect: 'Allow', Action: 'kms:Decrypt', Resource: stack.outputOf(secrets, 'keyArn') },
        ]
      : []),
  ]);
  if (points.length > 0)
    inline(stack, 'volumes-policy', taskRole, [
      {
        Effect: 'Allow',
        Action: ['elasticfilesystem:ClientMount', 'elasticfilesystem:ClientWrite'],
        Resource: stack.outputOf(ecs, 'fileSystemArn'),
        Condition: { StringEquals: { 'elasticfilesystem:AccessPointArn': points.map((point) => point.arn) } },
      },
    ]);
  [...stack.policies].forEach((policyArn, i) => {
    const right = new aws.IamRolePolicyAttachment(stack, `right-${i}`, { role: taskRole.name, policyArn });
    stack.beforeStart.push(addressOf(right));
  });
  return { executionRole, taskRole };
}

function inline(stack: UnitStack, id: string, role: aws.IamRole, statements: readonly object[]): void {
  const policy = JSON.stringify({ Version: '2012-10-17', Statement: statements });
  stack.beforeStart.push(addressOf(new aws.IamRolePolicy(stack, id, { role: role.id, policy })));
}

/** The load balancer sends `<service>.<domain>` to the tasks. */
function targetGroup(
  stack: UnitStack,
  service: Service,
): { group: aws.LbTargetGroup; rule: aws.LbListenerRule } {
  const port = service.route?.port ?? '';
  const probe = [service.ready].flat().find((one): one is Probe => isProbe(one) && one.type === 'http');
  const group = new aws.LbTargetGroup(stack, 'target', {
    namePrefix: `${service.name.replaceAll('-', '').slice(0, 5)}-`,
    port: insideOf(service.ports[port]),
    protocol: 'HTTP',
    targetType: 'ip',
    vpcId: stack.outputOf(ecs, 'vpcId'),
    deregistrationDelay: '30',
    healthCheck: {
      path: probe?.type === 'http' && probe.body === undefined ? probe.path : '/',
      matcher: '200-399',
      interval: 15,
    },
  });
  group.addOverride('lifecycle.create_before_destroy', true);
  // Inside the network any name whose first part is the service's; there the load balancer has no name of ours.
  const domain = stack.environment.public?.domain ?? '*';
  const rule = new aws.LbListenerRule(stack, 'rule', {
    listenerArn: stack.outputOf(ecs, 'listenerArn'),
    condition: [{ hostHeader: { values: [`${service.name}.${domain}`] } }],
    action: [{ type: 'forward', targetGroupArn: group.arn }],
  });
  return { group, rule };
}

function autoscale(stack: UnitStack, service: aws.EcsService, tasks: { min: number; max: number }): void {
  const target = new aws.AppautoscalingTarget(stack, 'scale', {
    serviceNamespace: 'ecs',
    resourceId: `service/${stack.outputOf(ecs, 'clusterName')}/${service.name}`,
    scalableDimension: 'ecs:service:DesiredCount',
    minCapacity: tasks.min,
    maxCapacity: tasks.max,
  });
  new aws.AppautoscalingPolicy(stack, 'scale-by-cpu', {
    name: stack.named(`${stack.service.name}-cpu`),
    policyType: 'TargetTrackingScaling',
    serviceNamespace: target.serviceNamespace,
    resourceId: target.resourceId,
    scalableDimension: target.scalableDimension,
    targetTrackingScalingPolicyConfiguration: {
      predefinedMetricSpecification: { predefinedMetricType: 'ECSServiceAverageCPUUtilization' },
      targetValue: CPU_TARGET,
    },
  });
}
