/** What an environment costs a month by what it has, whether used or not, from the price table in infra/prices.yml. */
import { readFileSync } from 'node:fs';
import * as path from 'node:path';
import { StackError } from '@stack/model';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import type { Environment } from './environments';
import type { CloudSession } from './session';

export const PRICES_FILE = 'infra/prices.yml';

/** Hours of a month, as AWS counts. */
const HOURS = 730;

const money = z.number().min(0);
const schema = z.strictObject({
  date: z
    .union([z.string(), z.date()])
    .transform((date) => (date instanceof Date ? date.toISOString() : date).slice(0, 10)),
  region: z.string(),
  sources: z.array(z.url()),
  prices: z.strictObject({
    fargateCpuHour: money,
    fargateGibHour: money,
    loadBalancerHour: money,
    natGatewayHour: money,
    publicAddressHour: money,
    rdsHour: z.record(z.string(), money),
    rdsStorageGibMonth: money,
    secretMonth: money,
    keyMonth: money,
    snowflakeCredit: money,
  }),
});

export type Prices = z.output<typeof schema>;

/** @throws StackError naming the file and the field */
export function readPrices(workspace: string): Prices {
  const parsed = schema.safeParse(parseYaml(readFileSync(path.join(workspace, PRICES_FILE), 'utf8')));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new StackError(
    'PRICES_INVALID',
    `${PRICES_FILE}: ${issue.path.join('.')}: ${issue.message}`,
    `edit ${PRICES_FILE}`,
  );
}

type Resource = Readonly<Record<string, unknown>>;
/** Resources of a unit: type → name → attributes, as Terraform's files and its state have them. */
export type Resources = Readonly<Record<string, Readonly<Record<string, Resource>>>>;

export interface Item {
  readonly what: string;
  /** US dollars a month. */
  readonly monthly: number;
}

/**
 * Monthly price of each thing that is paid for by having it.
 * @throws StackError when the price table lacks a database class that is used
 */
export function itemsOf(resources: Resources, { prices }: Prices): Item[] {
  const all = (type: string) => Object.values(resources[type] ?? {});
  const items: Item[] = [];
  const add = (what: string, monthly: number) => {
    if (monthly > 0) items.push({ what, monthly });
  };
  const tasks = all('aws_ecs_task_definition');
  all('aws_ecs_service').forEach((service, i) => {
    const task = tasks[i] ?? {};
    const [cpu, gib] = [Number(task.cpu) / 1024, Number(task.memory) / 1024];
    const count = Number(service.desired_count);
    add(
      `Fargate: ${count} × ${cpu} vCPU, ${gib} GiB`,
      count * HOURS * (cpu * prices.fargateCpuHour + gib * prices.fargateGibHour),
    );
  });
  for (const instance of all('aws_db_instance')) {
    const kind = String(instance.instance_class);
    const hour = prices.rdsHour[kind];
    if (hour === undefined)
      throw new StackError(
        'NO_PRICE',
        `${PRICES_FILE}: prices.rdsHour: has no price for ${kind}`,
        `add it to ${PRICES_FILE}`,
      );
    const copies = instance.multi_az ? 2 : 1;
    const storage = Number(instance.allocated_storage);
    add(
      `RDS: ${kind}${copies > 1 ? ' in two zones' : ''}, ${storage} GiB`,
      copies * (hour * HOURS + storage * prices.rdsStorageGibMonth),
    );
  }
  const counted = (type: string, what: string, each: number) =>
    add(`${all(type).length} × ${what}`, all(type).length * each);
  counted('aws_lb', 'load balancer', prices.loadBalancerHour * HOURS);
  counted('aws_nat_gateway', 'NAT gateway', prices.natGatewayHour * HOURS);
  counted('aws_eip', 'public address', prices.publicAddressHour * HOURS);
  counted('aws_secretsmanager_secret', 'secret', prices.secretMonth);
  counted('aws_kms_key', 'key', prices.keyMonth);
  for (const monitor of all('snowflake_resource_monitor'))
    add(
      `Snowflake: ${Number(monitor.credit_quota)} credits at most`,
      Number(monitor.credit_quota) * prices.snowflakeCredit,
    );
  return items;
}

/** How a plan changes what is paid a month, as `+ $ 12.30 a month`; empty when it doesn't. */
export function costChange(
  { before = {}, after = {} }: { before?: Resources; after?: Resources },
  table: Prices,
): string {
  const sum = (resources: Resources) =>
    itemsOf(resources, table).reduce((total, { monthly }) => total + monthly, 0);
  const change = sum(after) - sum(before);
  return Math.abs(change) < 0.005 ? '' : `${change > 0 ? '+' : '-'} $ ${Math.abs(change).toFixed(2)} a month`;
}

/** The environment's table, by unit. */
export function costTable(session: CloudSession, environment: Environment): string {
  const table = readPrices(session.workspace);
  const units = session.units
    .map(({ name }) => ({
      name,
      items: itemsOf((session.synthesise(name, environment)?.terraform.resource ?? {}) as Resources, table),
    }))
    .filter(({ items }) => items.length > 0);
  const dollars = (amount: number) => `$ ${amount.toFixed(2)}`.padStart(12);
  const total = units.flatMap(({ items }) => items).reduce((sum, { monthly }) => sum + monthly, 0);
  return [
    ...units.flatMap(({ name, items }) =>
      items.map(
        ({ what, monthly }, i) =>
          `${(i === 0 ? name : '').padEnd(16)} ${what.padEnd(48)} ${dollars(monthly)}`,
      ),
    ),
    `${''.padEnd(16)} ${`${environment.name}, a month`.padEnd(48)} ${dollars(total)}`,
    '',
    `Prices of ${table.date}, ${table.region}${table.region === environment.region ? '' : ` (the environment is in ${environment.region})`}: ${PRICES_FILE} has them and their sources.`,
    'Without what is billed by use: data, traffic, logs, requests.',
  ].join('\n');
}
