import { type AwsService, type Value, defineModule } from '@stack/model';

/** Where services run. On this machine the supervisor is what a cluster is there. */
export const ecs = defineModule({
  name: 'ecs',
  summary: 'Where services run: network, cluster, load balancer; on this machine the supervisor',
  aws: {
    outputs: {
      clusterName: 'The cluster',
      clusterArn: 'Its ARN',
      vpcId: 'The network',
      vpcCidr: "The network's addresses",
      privateSubnets: 'Subnets in which tasks run, one a zone',
      taskSecurityGroup: 'Security group of every task; its members reach each other',
      namespaceId: 'Names of the services within the network',
      listenerArn: "The load balancer's listener, to which a service adds its rule",
      loadBalancer: "The load balancer's name in the DNS",
      fileSystemId: 'File system of volumes that outlive a task',
      fileSystemArn: 'Its ARN',
    },
  },
});

export interface FargateOptions {
  /** Volumes that a new task may begin without; the others are kept on EFS. */
  readonly ephemeral?: readonly string[];
  /** At most one task: the old one ends before the new one starts. */
  readonly singleton?: boolean;
  /** What differs from the definition's environment there. */
  readonly env?: Readonly<Record<string, Value>>;
}

/**
 * A service as a Fargate service, from its definition: image, ports, health, environment, secrets, volumes, route.
 *
 * @example aws: fargate({ ephemeral: ['snapshots'] })
 */
export const fargate = (options: FargateOptions = {}): AwsService => ({
  resources: '@stack/ecs/fargate',
  options,
});
