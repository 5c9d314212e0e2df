import { ecs } from '@stack/ecs';
import { ownSecrets, valueOf } from '@stack/secrets/in-aws';
import { type UnitStack, aws, defineResources } from '@stack/terraform/cdktf';

/** When the instance was first planned: a later one's last snapshot has another name than an earlier one's. */
function madeAt(stack: UnitStack): string {
  stack.addOverride('resource.terraform_data.made', {
    input: '${formatdate("YYYYMMDDhhmmss", timestamp())}',
    lifecycle: { ignore_changes: ['input'] },
  });
  return '${terraform_data.made.output}';
}

/** PostgreSQL in AWS is RDS: private, encrypted, with backups; its password is written once and is in no state. */
export default defineResources((stack) => {
  stack.useAws();
  const { database, network } = stack.environment;
  const given = ownSecrets(stack);
  const subnets = new aws.DbSubnetGroup(stack, 'subnets', {
    name: stack.named('postgres'),
    subnetIds: stack.listOf(ecs, 'privateSubnets'),
  });
  const group = new aws.SecurityGroup(stack, 'group', {
    name: stack.named('postgres'),
    description: 'PostgreSQL: reached from the private network',
    vpcId: stack.outputOf(ecs, 'vpcId'),
  });
  new aws.VpcSecurityGroupIngressRule(stack, 'from-tasks', {
    securityGroupId: group.id,
    referencedSecurityGroupId: stack.outputOf(ecs, 'taskSecurityGroup'),
    ipProtocol: 'tcp',
    fromPort: 5432,
    toPort: 5432,
    description: `Tasks within ${network.cidr}`,
  });
  const instance = new aws.DbInstance(stack, 'instance', {
    identifier: stack.named('postgres'),
    engine: 'postgres',
    engineVersion: '18',
    instanceClass: database.class,
    allocatedStorage: database.storage,
    maxAllocatedStorage: database.maxStorage,
    storageType: 'gp3',
    storageEncrypted: true,
    multiAz: database.multiZone,
    dbSubnetGroupName: subnets.name,
    vpcSecurityGroupIds: [group.id],
    publiclyAccessible: false,
    username: 'postgres',
    passwordWo: valueOf(stack, 'password'),
    passwordWoVersion: 1,
    backupRetentionPeriod: database.backupDays,
    copyTagsToSnapshot: true,
    deletionProtection: database.deletionProtection,
    skipFinalSnapshot: false,
    finalSnapshotIdentifier: `${stack.named('postgres')}-${madeAt(stack)}`,
    performanceInsightsEnabled: true,
    autoMinorVersionUpgrade: true,
    applyImmediately: true,
  });
  return { host: instance.address, ...given };
});
