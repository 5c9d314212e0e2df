/** The environments in AWS and their sizes: `infra/environments.yml`, checked. */
import { readFileSync } from 'node:fs';
import * as path from 'node:path';
import { StackError, bytesOf } from '@stack/model';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';

export const ENVIRONMENTS_FILE = 'infra/environments.yml';

/** Account number of the file as it comes, and of emulators: nobody's. */
export const NO_ACCOUNT = '123456789012';

/** Repository of the file as it comes. */
export const NO_REPOSITORY = 'your-account/your-repository';

/** Memory in MiB that Fargate gives with so many CPU units (1024 are one processor), smallest and largest, and the step. */
const FARGATE: Readonly<Record<number, readonly [min: number, max: number, step: number]>> = {
  256: [512, 2_048, 512],
  512: [1_024, 4_096, 1_024],
  1_024: [2_048, 8_192, 1_024],
  2_048: [4_096, 16_384, 1_024],
  4_096: [8_192, 30_720, 1_024],
  8_192: [16_384, 61_440, 4_096],
  16_384: [32_768, 122_880, 8_192],
};

const days = z.number().int().min(1).max(3_650);

/** Size of a service on Fargate, and settings of its own. Without `cpu` and `memory` they come from the service's own `memory`. */
const service = z
  .strictObject({
    cpu: z.number().int().optional(),
    memory: z.number().int().optional(),
    /** Tasks at least and at most; between them it follows the CPU. */
    tasks: z
      .strictObject({ min: z.number().int().min(0).max(100), max: z.number().int().min(1).max(100) })
      .refine(({ min, max }) => min <= max, 'min is more than max')
      .default({ min: 1, max: 1 }),
    /** Environment variables that differ here (a schedule, where alerts go); no secrets: this file is for everybody to read. */
    env: z.record(z.string().regex(/^[A-Za-z_]\w*$/), z.string()).default({}),
  })
  .superRefine(({ cpu, memory }, context) => {
    if (cpu === undefined && memory === undefined) return;
    const problem = fargateProblem(cpu, memory);
    if (problem) context.addIssue({ code: 'custom', message: problem });
  });

function fargateProblem(cpu?: number, memory?: number): string | undefined {
  if (cpu === undefined || memory === undefined) return 'give cpu and memory, or neither';
  const range = FARGATE[cpu];
  if (!range) return `cpu: Fargate has ${Object.keys(FARGATE).join(', ')}, not ${cpu}`;
  const [min, max, step] = range;
  if (memory >= min && memory <= max && memory % step === 0) return undefined;
  return `memory: with cpu ${cpu} Fargate has ${min} to ${max} MiB in steps of ${step}, not ${memory}`;
}

const ACCOUNT = "an account has 12 digits, in quotes: '123456789012'";

const environment = z.strictObject({
  /** The account's number: Terraform refuses to work on another one. */
  account: z.string(ACCOUNT).regex(/^\d{12}$/, ACCOUNT),
  region: z
    .string()
    .regex(
      /^(af|ap|ca|eu|il|me|mx|sa|us)-(north|south|east|west|central|northeast|northwest|southeast|southwest)-\d$/,
      'a region is written like eu-central-1',
    ),
  /** What in the repository may deploy: a GitHub environment (with its own protection rules), or a branch. */
  deployFrom: z.union(
    [z.strictObject({ environment: z.string().min(1) }), z.strictObject({ branch: z.string().min(1) })],
    {
      error: 'expected { environment: name } or { branch: name }',
    },
  ),
  network: z
    .strictObject({
      cidr: z
        .string()
        .regex(/^10\.(25[0-5]|2[0-4]\d|1?\d?\d)\.0\.0\/16$/, 'expected a network like 10.20.0.0/16')
        .default('10.20.0.0/16'),
      zones: z.number().int().min(2, 'a load balancer needs two zones').max(4).default(2),
      natGateways: z.number().int().min(1).max(4).default(1),
    })
    .refine(({ zones, natGateways }) => natGateways <= zones, 'natGateways: at most one for each zone')
    .prefault({}),
  /**
   * Domain and certificate of the load balancer; without them it is reachable from inside the network only. `services` are those
   * that the world may reach: each must ask for a token or a login itself, as Dagster and Evidence don't.
   */
  public: z
    .strictObject({
      domain: z.string().regex(/^([a-z0-9-]+\.)+[a-z]{2,}$/, 'a domain is written like data.example.com'),
      certificate: z.string().startsWith('arn:aws:acm:'),
      services: z.array(z.string()).min(1, 'name the services that the world may reach'),
    })
    .optional(),
  lake: z
    .strictObject({
      /** Days after which a replaced or deleted object's old version goes. */
      oldVersionsDays: days.default(30),
      /** Days after which raw files move to a cheaper class. */
      infrequentAfterDays: days.min(30, 'S3 moves nothing before 30 days').default(90),
    })
    .prefault({}),
  secrets: z
    .strictObject({
      /** Lambda that changes a secret and what it opens; without it a secret stays as it was made. */
      rotation: z
        .strictObject({ lambda: z.string().startsWith('arn:aws:lambda:'), days: days.default(90) })
        .optional(),
      /** Days in which a deleted secret can be had back. */
      recoveryDays: z
        .union([z.literal(0), z.number().int().min(7).max(30)], { error: '0 (gone at once), or 7 to 30' })
        .default(7),
    })
    .prefault({}),
  database: z
    .strictObject({
      class: z.string().startsWith('db.').default('db.t4g.micro'),
      /** GiB to begin with, and at most. */
      storage: z.number().int().min(20).default(20),
      maxStorage: z.number().int().min(21).default(100),
      multiZone: z.boolean().default(false),
      backupDays: z.number().int().min(1).max(35).default(7),
      deletionProtection: z.boolean().default(false),
    })
    .refine(({ storage, maxStorage }) => storage < maxStorage, 'maxStorage must be more than storage')
    .prefault({}),
  snowflake: z
    .strictObject({
      organization: z.string().regex(/^\w+$/),
      account: z.string().regex(/^\w+$/),
      size: z.enum(['XSMALL', 'SMALL', 'MEDIUM', 'LARGE', 'XLARGE']).default('XSMALL'),
      autoSuspendSeconds: z.number().int().min(30).default(60),
      /** Credits a month at which the warehouses are stopped. */
      monthlyCredits: z.number().int().min(1).default(10),
      /** Public key of the pipeline's user, the body of its PEM file. */
      publicKey: z
        .string()
        .regex(/^[A-Za-z0-9+/=]+$/, 'the body of the PEM file in one line, without its first and last line')
        .optional(),
    })
    .optional(),
  services: z.record(z.string(), service).default({}),
});

const file = z
  .object({
    project: z
      .string()
      .regex(
        /^[a-z][a-z0-9-]{1,19}$/,
        'lower-case letters, digits and dashes, 2 to 20, starting with a letter',
      ),
    repository: z.string().regex(/^[\w.-]+\/[\w.-]+$/, 'written as owner/name, without wildcards'),
  })
  .catchall(environment);

export type EnvironmentSettings = z.output<typeof environment>;
export type ServiceSize = z.output<typeof service>;

export interface Environment extends EnvironmentSettings {
  readonly name: string;
  readonly project: string;
  readonly repository: string;
  /** An environment before it in the file is in the same account. */
  readonly sharesAccount: boolean;
}

/**
 * Every environment, by name.
 * @throws StackError naming the file and each wrong field
 */
export function readEnvironments(workspace: string): Record<string, Environment> {
  return parseEnvironments(readFileSync(path.join(workspace, ENVIRONMENTS_FILE), 'utf8'));
}

export function parseEnvironments(text: string, from = ENVIRONMENTS_FILE): Record<string, Environment> {
  const parsed = file.safeParse(read(text, from));
  if (!parsed.success) {
    const lines = parsed.error.issues.map(
      (issue) => `${issue.path.join('.') || 'the file'}: ${issue.message}`,
    );
    throw new StackError('ENVIRONMENTS_INVALID', `${from}: ${lines[0]}`, `edit ${from}`, lines.slice(1));
  }
  const { project, repository, ...environments } = parsed.data;
  const accounts = new Set<string>();
  return Object.fromEntries(
    Object.entries(environments).map(([name, settings]) => {
      if (!/^[a-z][a-z0-9]{0,11}$/.test(name))
        throw new StackError(
          'ENVIRONMENTS_INVALID',
          `${from}: ${name} is no name for an environment`,
          'use lower-case letters and digits, at most 12',
        );
      const { account } = settings as EnvironmentSettings;
      const sharesAccount = accounts.has(account);
      accounts.add(account);
      return [name, { ...(settings as EnvironmentSettings), name, project, repository, sharesAccount }];
    }),
  );
}

function read(text: string, from: string): unknown {
  try {
    return parseYaml(text) as unknown;
  } catch (error) {
    throw new StackError(
      'ENVIRONMENTS_INVALID',
      `${from}: ${(error as Error).message.split('\n')[0]}`,
      `edit ${from}`,
    );
  }
}

/** Name of the environment that lives in an emulator of AWS: the first of the file, elsewhere. */
export const EMULATED = 'emulated';

/** @throws StackError naming those that there are */
export function environmentNamed(all: Record<string, Environment>, name: string): Environment {
  if (Object.hasOwn(all, name)) return all[name];
  const [first] = Object.values(all);
  if (name === EMULATED && process.env.AWS_ENDPOINT_URL) return { ...first, name, account: NO_ACCOUNT };
  throw new StackError(
    'UNKNOWN_ENVIRONMENT',
    `there is no environment ${name}`,
    `choose one of ${Object.keys(all).join(', ')}, or add it to ${ENVIRONMENTS_FILE}`,
  );
}

/** CPU units and MiB of a service: as set, else the smallest that Fargate has for its `memory` (`512Mi`, `2Gi`). */
export function fargateSize(size: ServiceSize | undefined, memory: string): { cpu: number; memory: number } {
  if (size?.cpu && size.memory) return { cpu: size.cpu, memory: size.memory };
  const wanted = bytesOf(memory) / 2 ** 20;
  for (const [cpu, [min, max, step]] of Object.entries(FARGATE)) {
    const fitting = Math.max(min, Math.ceil(wanted / step) * step);
    if (fitting <= max) return { cpu: Number(cpu), memory: fitting };
  }
  throw new StackError('TOO_LARGE', `Fargate has no task with ${memory}`);
}
