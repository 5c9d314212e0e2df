import { StackError } from './errors';
import type { PlanContext, ProcessPlan, RegistryEntry } from './plan';
import type { Probe } from './probes';
import { type Profile, profilesIn } from './profiles';
import { jobSchema, moduleSchema, parse, serviceSchema } from './schema';
import { callerFile } from './caller';
import {
  type Joined,
  type Reference,
  type Value,
  isReference,
  ownedBy,
  referencesIn,
  uriEncoded,
} from './values';

export type Protocol = 'http' | 'postgresql' | 'redis' | 's3' | 'grpc' | 'kafka' | 'tcp';

export interface Port {
  /** The port's usual number: the one in a container, and on this machine for the stack `local` if it is free. */
  readonly number: number;
  /** The one in a container, where its image has another. */
  readonly inside?: number;
  readonly protocol: Protocol;
  /** User name that `url()` puts into the address. */
  readonly user?: string;
  /** Secret whose value `url()` puts into the address as the password. */
  readonly password?: string;
}

export interface GeneratedSecret {
  readonly generated: true;
  /** Random bytes behind the secret (written in base64url). */
  readonly bytes: number;
}

/** A secret made once, at random. Default: 24 bytes, 32 characters. */
export const generated = (options: { bytes?: number } = {}): GeneratedSecret => ({
  generated: true,
  bytes: options.bytes ?? 24,
});

interface CommonOptions {
  /** Unique in the workspace; also the Nx project's name. */
  readonly name: string;
  /** What it is for, in one line (120 characters). */
  readonly summary: string;
  /** Environment: text, or references to what other units give. */
  readonly env?: Readonly<Record<string, Value>>;
  /** Units that have to be there first although no value of theirs is used. */
  readonly uses?: readonly Unit[];
  /** It is only deployed where PROFILES names one of these. Default: always. */
  readonly profiles?: readonly Profile[];
  /** Assistants may ask it: the file `mcp.ts` beside the definition has its tools, and `env` what they reach it by. */
  readonly mcp?: { readonly env: Readonly<Record<string, Value>> };
}

export interface ServiceOptions extends CommonOptions {
  readonly ports?: Readonly<Record<string, Port>>;
  readonly secrets?: Readonly<Record<string, GeneratedSecret>>;
  /** Folders that outlive the process: name → path inside a container. */
  readonly volumes?: Readonly<Record<string, string>>;
  /**
   * Volumes with files of the user's own. Natively each is a folder that they see, `data/<volume>` of the checkout
   * (`data/<stack>/<volume>`), which no reset deletes.
   */
  readonly yours?: readonly string[];
  /**
   * The port, of PostgreSQL's protocol, at which its data is dumped and restored when the stack moves to another runtime. Default: the
   * files of its volumes are copied, so they have to be laid out alike in both.
   */
  readonly dumped?: string;
  /** How readiness is asked; one probe, or one per process of the plan. */
  readonly ready: Probe | Readonly<Record<string, Probe>>;
  readonly native:
    | {
        /** Prepares what the process needs (folders, configuration, initdb) and says how to start it. Runs in the deployer. */
        plan(context: PlanContext): Promise<ProcessPlan | readonly ProcessPlan[]>;
      }
    | {
        /** Why it only runs in a container. */
        readonly none: string;
      };
  readonly docker?: Docker;
  /** Brings it to its wanted state by its own API, once it is healthy: a first account, say. Called at each change of it; safe to repeat. */
  setUp?(context: PlanContext): Promise<void>;
  /** What it is in AWS; without it, it isn't there. */
  readonly aws?: AwsService;
  /** Shown to people as `http://<name>.localhost:<proxy port>`. */
  readonly route?: {
    readonly port: string;
    readonly path?: string;
    /** Secret that its page asks for, and takes as `?token=` in its address. */
    readonly token?: string;
  };
  /** What it may need, e.g. `256Mi`. */
  readonly memory: string;
  /**
   * A collector turns the registry into files whenever a unit was deployed or destroyed; the service watches them itself.
   */
  readonly collect?: {
    /** The volume that they are in; the service only reads it. */
    readonly into: string;
    /** Path below the volume → content. */
    files(registry: readonly RegistryEntry[], context: PlanContext): Record<string, string>;
  };
  /** Where it tells its metrics, as Prometheus reads them. */
  readonly metrics?: {
    readonly port: string;
    /** Default: `/metrics`. */
    readonly path?: string;
  };
  /**
   * It reaches every unit that has `mcp`: their values are in its environment, as `adapterVariable` names them. The definitions
   * needn't be imported, but have to be deployed: it belongs to the highest layer.
   */
  readonly gathers?: 'mcp';
}

/** A container that does its work and ends. */
export interface Once {
  /** Default: the service's own. */
  readonly image?: string;
  readonly command: readonly string[];
  /** Added to that of the service. */
  readonly env?: Readonly<Record<string, Value>>;
  /** Default: the service's. */
  readonly user?: string;
}

/** What an image needs to be run as the service. */
export interface Docker {
  /** `name:version`; `stack/<name>` is an image of ours. */
  readonly image: string;
  /** What an image of ours is built from. */
  readonly build?: {
    /** A Dockerfile of `docker/images`. */
    readonly from: 'node' | 'python';
    /** Beside its program: path below /app → file or folder of the workspace. */
    readonly files?: Readonly<Record<string, string>>;
    /**
     * Python packages: path below /app → a list that uv reads; `uv.lock` is the project's own, `uv.lock#<group>` those of one of its
     * dependency groups alone.
     */
    readonly packages?: Readonly<Record<string, string>>;
    /** Python programs with packages of their own: path below /app → folder of lists, one a program, called as it is. */
    readonly programs?: Readonly<Record<string, string>>;
  };
  /** Instead of the image's own entrypoint and command. Needed where the environment has a secret, which a shell reads from its file. */
  readonly command?: readonly string[];
  /** Added to the definition's `env`. */
  readonly env?: Readonly<Record<string, Value>>;
  /** What has to be done before each start of it, one after the other, by containers of their own: a database made, say. */
  readonly first?: Readonly<Record<string, Once>>;
  /** Where it doesn't share files with its neighbours, as in a cluster: why it can't be there, or what differs in its `env`. */
  readonly apart?: { readonly none: string } | { readonly env: Readonly<Record<string, Value>> };
  /** Folders of this machine, which the container sees: path in the container → folder. */
  readonly folders?: Readonly<Record<string, Value>>;
  /** The user that it runs as. Default: 10001 for images of ours, else the image's own. */
  readonly user?: string;
  /** It writes beside its volumes and /tmp. */
  readonly writable?: boolean;
  /** What root may do in it, of Linux's capabilities. Default: nothing. */
  readonly capabilities?: readonly string[];
  /**
   * Command inside the container that succeeds when the probe would; without it the image's own is asked.
   * `host`: who serves the port, which may be another process's container.
   */
  health?(probe: Probe, port: number, host: string): readonly string[] | undefined;
  /** The most memory that a container of it may have. Default: the definition's `memory`. */
  readonly memory?: string;
  /** Several processes from the same image, a container each; named as in `ready`. `ports`: those that it serves. */
  readonly processes?: Readonly<
    Record<string, { readonly command: readonly string[]; readonly ports?: readonly string[] }>
  >;
}

/** A service in AWS. */
export type AwsService =
  | {
      /** Why nothing of it is deployed there. */
      readonly none: string;
      /** The module that has its part there, if one has. */
      readonly playedBy?: Module;
    }
  | {
      /**
       * Module that makes its resources, as the definition's file would import it: `./aws` where a product of AWS's plays the
       * service; `fargate()` of `@stack/ecs` names its own. It is loaded only when the resources are made.
       */
      readonly resources: string;
      readonly options?: object;
    };

export interface ModuleOptions extends CommonOptions {
  /** In AWS: its resources are made by the file `aws.ts` beside the definition. */
  readonly aws?: {
    /** What its Terraform state gives to other units: output → what it is. */
    readonly outputs: Readonly<Record<string, string>>;
    /**
     * Native outputs that are a right there (a key): output → the output that is the ARN of the policy. A unit that refers to one
     * has the policy for its role, and no value.
     */
    readonly policies?: Readonly<Record<string, string>>;
    /** Outputs that are the ARN of a secret: who refers to one gets the secret's value when it starts. */
    readonly secrets?: readonly string[];
  };
  readonly native?: {
    /** What other units may use of it on this machine. */
    readonly outputs: Readonly<Record<string, Value>>;
    /** Brings the local twin to the wanted state; called at each change, safe to repeat. */
    apply(context: PlanContext): Promise<void>;
    destroy?(context: PlanContext): Promise<void>;
  };
}

export interface JobOptions extends CommonOptions {
  readonly native: {
    run(context: PlanContext): Promise<void>;
    /** Files and folders, relative to the definition's folder, whose change makes it run again. */
    readonly sources?: readonly string[];
  };
}

interface Common {
  readonly file: string;
  readonly name: string;
  readonly summary: string;
  readonly env: Readonly<Record<string, Value>>;
  readonly uses: readonly Unit[];
  readonly profiles: readonly Profile[];
  readonly mcp?: CommonOptions['mcp'];
}

export interface Service<O extends ServiceOptions = ServiceOptions> extends Common {
  readonly kind: 'service';
  readonly ports: Readonly<Record<string, Port>>;
  readonly secrets: Readonly<Record<string, GeneratedSecret>>;
  readonly volumes: Readonly<Record<string, string>>;
  readonly yours: readonly string[];
  readonly dumped?: string;
  readonly ready: ServiceOptions['ready'];
  readonly native: ServiceOptions['native'];
  readonly setUp?: ServiceOptions['setUp'];
  readonly docker?: ServiceOptions['docker'];
  readonly aws?: ServiceOptions['aws'];
  readonly route?: ServiceOptions['route'];
  readonly memory: string;
  readonly collect?: ServiceOptions['collect'];
  readonly metrics?: ServiceOptions['metrics'];
  readonly gathers?: ServiceOptions['gathers'];
  /** Host name or address at which the port is reached. */
  host(port: KeyOf<O, 'ports'>): Reference;
  /** The port's number. */
  port(port: KeyOf<O, 'ports'>): Reference;
  /** `host:port`. */
  address(port: KeyOf<O, 'ports'>): Joined;
  /** `scheme://[user:password@]host:port[/database or path]`. */
  url(port: KeyOf<O, 'ports'>, options?: { database?: string; path?: string }): Joined;
  /** The secret's value. */
  secret(secret: KeyOf<O, 'secrets'>): Reference;
  /** The volume's folder. */
  volume(volume: KeyOf<O, 'volumes'>): Reference;
}

export interface Module<O extends ModuleOptions = ModuleOptions> extends Common {
  readonly kind: 'module';
  /** What plays it on this machine; nothing for what only a cloud has. */
  readonly native?: ModuleOptions['native'];
  readonly aws?: ModuleOptions['aws'];
  output(output: OutputOf<O>): Reference;
}

type OutputOf<O extends ModuleOptions> =
  | (O['native'] extends { readonly outputs: infer N } ? keyof N & string : never)
  | (O['aws'] extends { readonly outputs: infer A } ? keyof A & string : never);

export interface Job extends Common {
  readonly kind: 'job';
  readonly native: JobOptions['native'];
}

export type Unit = Service | Module | Job;

type KeyOf<O, F extends string> = O extends Record<F, infer R> ? keyof R & string : never;

const SCHEMES: Record<Protocol, string> = {
  http: 'http',
  s3: 'http',
  postgresql: 'postgresql',
  redis: 'redis',
  grpc: 'grpc',
  kafka: 'kafka',
  tcp: 'tcp',
};

const KINDS = {
  host: 'ports',
  port: 'ports',
  published: 'ports',
  secret: 'secrets',
  volume: 'volumes',
} as const;

/**
 * A program that stays up: its ports, secrets, volumes, readiness, and how each runtime starts it.
 * @throws StackError naming the file and the field when the definition is wrong.
 */
export function defineService<const O extends ServiceOptions>(options: O): Service<O> {
  const file = callerFile();
  const parsed = parse(serviceSchema, options, file);
  const known = (kind: 'ports' | 'secrets' | 'volumes', key: string, field: string) => {
    if (key in parsed[kind]) return;
    throw new StackError(
      'UNKNOWN_REFERENCE',
      `${file}: ${field} refers to ${kind}.${key}, which ${parsed.name} doesn't have (it has ${Object.keys(parsed[kind]).join(', ') || 'none'})`,
      `define ${kind}.${key}, or use one that exists`,
    );
  };
  for (const [name, port] of Object.entries(parsed.ports)) {
    if (port.password) known('secrets', port.password, `ports.${name}.password`);
    const twin = Object.entries(parsed.ports).find(([n, p]) => n !== name && p.number === port.number);
    if (twin)
      throw new StackError(
        'DUPLICATE_PORT',
        `${file}: ports.${name} and ports.${twin[0]} are both ${port.number}`,
      );
  }
  for (const [field, probe] of probesOf(parsed.ready as ServiceOptions['ready']))
    known('ports', probe.port, field);
  if (parsed.route) known('ports', parsed.route.port, 'route.port');
  if (parsed.route?.token) known('secrets', parsed.route.token, 'route.token');
  for (const volume of parsed.yours) known('volumes', volume, 'yours');
  if (parsed.metrics) known('ports', parsed.metrics.port, 'metrics.port');
  if (parsed.collect) known('volumes', parsed.collect.into, 'collect.into');
  if (parsed.dumped) known('ports', parsed.dumped, 'dumped');

  const owned = (values: Readonly<Record<string, Value>>, field: string): Record<string, Value> =>
    Object.fromEntries(
      Object.entries(values).map(([key, value]) => {
        const named = ownedBy(parsed.name, value);
        for (const { $ref, unit, key: wanted } of referencesIn(named)) {
          if (unit === parsed.name && $ref in KINDS)
            known(KINDS[$ref as keyof typeof KINDS], wanted, `${field}.${key}`);
        }
        return [key, named];
      }),
    );

  const ref = ($ref: Reference['$ref'], kind: 'ports' | 'secrets' | 'volumes', key: string): Reference => {
    known(kind, key, `a reference to ${parsed.name}`);
    return { $ref, unit: parsed.name, key };
  };
  const service = {
    ...(parsed as object),
    kind: 'service',
    file,
    env: owned(parsed.env as Record<string, Value>, 'env'),
    mcp: parsed.mcp && { env: owned(parsed.mcp.env as Record<string, Value>, 'mcp.env') },
    docker: parsed.docker && {
      ...parsed.docker,
      env: owned(parsed.docker.env as Record<string, Value>, 'docker.env'),
      first: Object.fromEntries(
        Object.entries(parsed.docker.first).map(([key, once]) => [
          key,
          { ...once, env: owned(once.env as Record<string, Value>, `docker.first.${key}.env`) },
        ]),
      ),
      apart:
        parsed.docker.apart && 'env' in parsed.docker.apart
          ? { env: owned(parsed.docker.apart.env as Record<string, Value>, 'docker.apart.env') }
          : parsed.docker.apart,
    },
    host: (key: string) => ref('host', 'ports', key),
    port: (key: string) => ref('port', 'ports', key),
    secret: (key: string) => ref('secret', 'secrets', key),
    volume: (key: string) => ref('volume', 'volumes', key),
    address: (key: string): Joined => ({
      $join: [ref('host', 'ports', key), ':', ref('port', 'ports', key)],
    }),
    url: (key: string, { database, path }: { database?: string; path?: string } = {}): Joined => {
      const address = service.address(key as never);
      const { protocol, user, password } = parsed.ports[key];
      const credentials: Value[] = password
        ? [user ?? '', ':', uriEncoded(ref('secret', 'secrets', password)), '@']
        : user
          ? [user, '@']
          : [];
      const tail = database ? `/${database}` : (path ?? '');
      return { $join: [`${SCHEMES[protocol]}://`, ...credentials, address, tail] };
    },
  } as unknown as Service<O>;
  return Object.freeze(service);
}

/**
 * A piece of infrastructure: nothing that runs, but outputs that others use (a bucket's name, a warehouse's path).
 * @throws StackError naming the file and the field when the definition is wrong.
 */
export function defineModule<const O extends ModuleOptions>(options: O): Module<O> {
  const file = callerFile();
  const parsed = parse(moduleSchema, options, file);
  const module = {
    ...(parsed as object),
    kind: 'module',
    file,
    output: (key: string): Reference => {
      const outputs = Object.keys({ ...parsed.native?.outputs, ...parsed.aws?.outputs });
      if (!outputs.includes(key)) {
        throw new StackError(
          'UNKNOWN_REFERENCE',
          `a reference to ${parsed.name}: it has no output ${key} (it has ${outputs.join(', ') || 'none'})`,
          `add outputs.${key} to ${file}`,
        );
      }
      return { $ref: 'output', unit: parsed.name, key };
    },
  } as unknown as Module<O>;
  return Object.freeze(module);
}

/**
 * Work that runs to its end at each deploy that changes it.
 * @throws StackError naming the file and the field when the definition is wrong.
 */
export function defineJob(options: JobOptions): Job {
  const file = callerFile();
  return Object.freeze({
    ...(parse(jobSchema, options, file) as object),
    kind: 'job',
    file,
  } as unknown as Job);
}

export const isUnit = (value: unknown): value is Unit =>
  typeof value === 'object' &&
  value !== null &&
  'kind' in value &&
  'file' in value &&
  (value.kind === 'service' || value.kind === 'module' || value.kind === 'job');

/** The probes of a service with the field each stands in: `['ready', …]` or `['ready.webserver', …]`. */
export function probesOf(ready: ServiceOptions['ready']): [string, Probe][] {
  if (isProbe(ready)) return [['ready', ready]];
  return Object.entries(ready).map(([name, probe]) => [`ready.${name}`, probe]);
}

export const isProbe = (ready: ServiceOptions['ready']): ready is Probe => typeof ready.type === 'string';

/** The variable in which a service that gathers has a value of a unit's `mcp.env`: `MCP_DUCKDB_HTTP__URL`. */
export const adapterVariable = (unit: string, key: string): string =>
  `MCP_${unit.toUpperCase().replaceAll('-', '_')}__${key}`;

/** A service that gathers, with the values of those units that it reaches. */
export function gathering(service: Service, units: readonly Unit[]): Service {
  const reached = units.filter((unit) => unit.mcp && isWanted(unit));
  const values = reached.flatMap(({ name, mcp }) =>
    Object.entries(mcp?.env ?? {}).map(([key, value]) => [adapterVariable(name, key), value] as const),
  );
  return Object.freeze({ ...service, env: { ...Object.fromEntries(values), ...service.env } });
}

/** Names of the units that this one refers to, each once, in alphabetical order. */
export function dependenciesOf(unit: Unit): string[] {
  const values = [
    ...Object.values(unit.env),
    ...(unit.kind === 'module' ? Object.values(unit.native?.outputs ?? {}) : []),
    ...(unit.kind === 'service' ? Object.values(unit.docker?.env ?? {}) : []),
  ];
  const names = values.flatMap(referencesIn).map((reference) => reference.unit);
  return [...new Set([...names, ...unit.uses.map((used) => used.name)])]
    .filter((n) => n && n !== unit.name)
    .sort();
}

/** A service's environment in a container: beside those that it shares files with, or apart from them, as in a cluster. */
export const containerEnvironment = (
  { env, docker }: Service,
  where: 'together' | 'apart',
): Readonly<Record<string, Value>> => ({
  ...env,
  ...docker?.env,
  ...(where === 'apart' && docker?.apart && 'env' in docker.apart ? docker.apart.env : {}),
});

/** Whether a value contains a secret, so that it may not be shown or exported. */
export const isSecret = (value: Value): boolean =>
  isReference(value)
    ? value.$ref === 'secret'
    : referencesIn(value).some((reference) => reference.$ref === 'secret');

/**
 * What only shows when all units are seen together: a name or a port used twice, a reference to a unit that isn't there.
 * @throws StackError naming the files.
 */
export function checkStack(units: readonly Unit[]): void {
  const byName = new Map<string, Unit>();
  for (const unit of units) {
    const twin = byName.get(unit.name);
    if (twin)
      throw new StackError(
        'DUPLICATE_NAME',
        `${unit.file}: name: ${unit.name} is also the name of ${twin.file}`,
        'rename one of them',
      );
    byName.set(unit.name, unit);
  }
  const ports = new Map<number, string>();
  for (const unit of units) {
    if (unit.kind !== 'service') continue;
    for (const [name, { number }] of Object.entries(unit.ports)) {
      const owner = ports.get(number);
      if (owner)
        throw new StackError(
          'DUPLICATE_PORT',
          `${unit.file}: ports.${name}.number: ${number} is also the port of ${owner}`,
          'choose another number',
        );
      ports.set(number, `${unit.file} (ports.${name})`);
    }
  }
  for (const unit of units) {
    for (const name of dependenciesOf(unit)) {
      const dependency = byName.get(name);
      if (!dependency)
        throw new StackError(
          'UNKNOWN_REFERENCE',
          `${unit.file}: refers to ${name}, which is no unit of this workspace`,
        );
      const missing = missingProfiles(unit, dependency);
      // One that gathers has values of what is there only.
      if (missing.length > 0 && !(unit.kind === 'service' && unit.gathers))
        throw new StackError(
          'DEFINITION_INVALID',
          `${unit.file}: needs ${name}, which isn't there with ${missing.join(', ')}`,
          `add it to profiles in ${dependency.file}`,
        );
    }
  }
}

/** With which the unit is there and what it needs isn't. */
function missingProfiles({ profiles: own }: Unit, { profiles: theirs }: Unit): string[] {
  if (theirs.length === 0) return [];
  return own.length === 0 ? ['no profile'] : own.filter((profile) => !theirs.includes(profile));
}

/** Whether PROFILES (names with commas between them) asks for the unit. */
export function isWanted(
  { profiles }: Unit,
  { PROFILES: names = '' }: NodeJS.ProcessEnv = process.env,
): boolean {
  return profiles.length === 0 || profiles.some((profile) => profilesIn(names).includes(profile));
}

/** The port's number in a container. */
export const insideOf = ({ number, inside }: Port): number => inside ?? number;

/** Whether the image is one of ours, built from this checkout: they are called `stack/<service>`. */
export const isOwnImage = (image: string): boolean => image.startsWith('stack/');

/** The user, and its group, that images of ours run as; what they write belongs to it. */
export const IMAGE_USER = 10_001;

/** Bytes of a definition's `memory`, such as `256Mi`. */
export function bytesOf(memory: string): number {
  const [, number, unit] = /^(\d+)(Mi|Gi)$/.exec(memory) ?? [];
  return Number(number) * (unit === 'Gi' ? 2 ** 30 : 2 ** 20);
}
