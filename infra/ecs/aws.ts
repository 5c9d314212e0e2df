import { aws, defineResources, type UnitStack } from '@stack/terraform/cdktf';

/**
 * The network (public subnets for the load balancer, private ones for everything else), the cluster, the load balancer, the
 * services' names, and the file system of their volumes.
 */
export default defineResources((stack) => {
  stack.useAws();
  const { network, public: shown } = stack.environment;
  const { vpc, publicSubnets, privateSubnets, toInternet } = makeNetwork(stack);
  const cluster = new aws.EcsCluster(stack, 'cluster', {
    name: stack.prefix,
    setting: [{ name: 'containerInsights', value: 'enabled' }],
  });
  new aws.EcsClusterCapacityProviders(stack, 'capacity', {
    clusterName: cluster.name,
    capacityProviders: ['FARGATE', 'FARGATE_SPOT'],
    defaultCapacityProviderStrategy: [{ capacityProvider: 'FARGATE', weight: 1 }],
  });
  const names = new aws.ServiceDiscoveryPrivateDnsNamespace(stack, 'names', {
    name: `${stack.prefix}.internal`,
    vpc: vpc.id,
  });

  const front = securityGroup(stack, 'load-balancer', 'Load balancer', vpc.id);
  const tasks = securityGroup(
    stack,
    'tasks',
    'Tasks: reached by each other and by the load balancer',
    vpc.id,
  );
  allow(
    stack,
    'front-in',
    front,
    shown ? { cidr: '0.0.0.0/0', port: 443 } : { cidr: network.cidr, port: 80 },
  );
  allow(stack, 'tasks-from-front', tasks, { group: front });
  allow(stack, 'tasks-from-tasks', tasks, { group: tasks });

  const balancer = new aws.Lb(stack, 'load-balancer', {
    name: stack.prefix,
    loadBalancerType: 'application',
    internal: !shown,
    securityGroups: [front.id],
    subnets: (shown ? publicSubnets : privateSubnets).map((subnet) => subnet.id),
    dropInvalidHeaderFields: true,
    dependsOn: [toInternet],
  });
  const nothing = {
    type: 'fixed-response',
    fixedResponse: {
      contentType: 'text/plain',
      statusCode: '404',
      messageBody: 'There is no such service here.',
    },
  };
  const listener = new aws.LbListener(stack, 'listener', {
    loadBalancerArn: balancer.arn,
    ...(shown
      ? {
          port: 443,
          protocol: 'HTTPS',
          sslPolicy: 'ELBSecurityPolicy-TLS13-1-2-2021-06',
          certificateArn: shown.certificate,
        }
      : { port: 80, protocol: 'HTTP' }),
    defaultAction: [nothing],
  });

  const files = new aws.EfsFileSystem(stack, 'volumes', {
    creationToken: stack.named('volumes'),
    encrypted: true,
    throughputMode: 'elastic',
    lifecyclePolicy: [{ transitionToIa: 'AFTER_30_DAYS' }],
  });
  privateSubnets.forEach(
    (subnet, zone) =>
      new aws.EfsMountTarget(stack, `volumes-${zone}`, {
        fileSystemId: files.id,
        subnetId: subnet.id,
        securityGroups: [tasks.id],
      }),
  );
  return {
    clusterName: cluster.name,
    clusterArn: cluster.arn,
    vpcId: vpc.id,
    vpcCidr: network.cidr,
    privateSubnets: privateSubnets.map((subnet) => subnet.id),
    taskSecurityGroup: tasks.id,
    namespaceId: names.id,
    listenerArn: listener.arn,
    loadBalancer: balancer.dnsName,
    fileSystemId: files.id,
    fileSystemArn: files.arn,
  };
});

function makeNetwork(stack: UnitStack): {
  vpc: aws.Vpc;
  publicSubnets: aws.Subnet[];
  privateSubnets: aws.Subnet[];
  toInternet: aws.Route;
} {
  const { network, region } = stack.environment;
  const vpc = new aws.Vpc(stack, 'vpc', {
    cidrBlock: network.cidr,
    enableDnsHostnames: true,
    enableDnsSupport: true,
    tags: { Name: stack.prefix },
  });
  const zones = new aws.DataAwsAvailabilityZones(stack, 'zones', { state: 'available' });
  const gateway = new aws.InternetGateway(stack, 'internet', { vpcId: vpc.id });
  const [first] = network.cidr.split('.0.0/');
  const subnets = (kind: 'public' | 'private', third: (zone: number) => number) =>
    Array.from(
      { length: network.zones },
      (_, zone) =>
        new aws.Subnet(stack, `${kind}-${zone}`, {
          vpcId: vpc.id,
          cidrBlock: `${first}.${third(zone)}.0/20`,
          availabilityZone: `\${${zones.fqn}.names[${zone}]}`,
          tags: { Name: `${stack.prefix}-${kind}-${zone}` },
        }),
    );
  const publicSubnets = subnets('public', (zone) => zone * 16);
  const privateSubnets = subnets('private', (zone) => 128 + zone * 16);

  const outwards = new aws.RouteTable(stack, 'public-routes', { vpcId: vpc.id });
  const toInternet = new aws.Route(stack, 'to-internet', {
    routeTableId: outwards.id,
    destinationCidrBlock: '0.0.0.0/0',
    gatewayId: gateway.id,
  });
  publicSubnets.forEach(
    (subnet, zone) =>
      new aws.RouteTableAssociation(stack, `public-route-${zone}`, {
        subnetId: subnet.id,
        routeTableId: outwards.id,
      }),
  );
  const nats = Array.from({ length: Math.min(network.natGateways, network.zones) }, (_, zone) => {
    const address = new aws.Eip(stack, `nat-address-${zone}`, { domain: 'vpc', dependsOn: [gateway] });
    return new aws.NatGateway(stack, `nat-${zone}`, {
      subnetId: publicSubnets[zone].id,
      allocationId: address.id,
      dependsOn: [gateway],
    });
  });
  const tables = privateSubnets.map((subnet, zone) => {
    const table = new aws.RouteTable(stack, `private-routes-${zone}`, { vpcId: vpc.id });
    new aws.Route(stack, `to-nat-${zone}`, {
      routeTableId: table.id,
      destinationCidrBlock: '0.0.0.0/0',
      natGatewayId: nats[zone % nats.length].id,
    });
    new aws.RouteTableAssociation(stack, `private-route-${zone}`, {
      subnetId: subnet.id,
      routeTableId: table.id,
    });
    return table;
  });
  // What goes to and from the lake doesn't pass a NAT gateway, which is paid by the gigabyte.
  new aws.VpcEndpoint(stack, 's3', {
    vpcId: vpc.id,
    serviceName: `com.amazonaws.${region}.s3`,
    vpcEndpointType: 'Gateway',
    routeTableIds: tables.map((table) => table.id),
  });
  return { vpc, publicSubnets, privateSubnets, toInternet };
}

function securityGroup(
  stack: UnitStack,
  name: string,
  description: string,
  vpcId: string,
): aws.SecurityGroup {
  const group = new aws.SecurityGroup(stack, `group-${name}`, {
    name: stack.named(name),
    description,
    vpcId,
  });
  new aws.VpcSecurityGroupEgressRule(stack, `${name}-out`, {
    securityGroupId: group.id,
    ipProtocol: '-1',
    cidrIpv4: '0.0.0.0/0',
  });
  return group;
}

function allow(
  stack: UnitStack,
  name: string,
  to: aws.SecurityGroup,
  from: { cidr: string; port: number } | { group: aws.SecurityGroup },
): void {
  new aws.VpcSecurityGroupIngressRule(stack, name, {
    securityGroupId: to.id,
    ...('group' in from
      ? { referencedSecurityGroupId: from.group.id, ipProtocol: '-1' }
      : { cidrIpv4: from.cidr, fromPort: from.port, toPort: from.port, ipProtocol: 'tcp' }),
  });
}
