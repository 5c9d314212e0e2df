import { z } from 'zod';
import { StackError } from './errors';
import { PROFILES, type Profile } from './profiles';

const name = z
  .string()
  .regex(
    /^[a-z][a-z0-9-]{0,39}$/,
    'a name has lower-case letters, digits and dashes, starts with a letter, and has at most 40 characters',
  );

const key = z.string().regex(/^[a-z][A-Za-z0-9_-]*$/, 'a key starts with a lower-case letter');

const envName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'not a name of an environment variable');

const reference = z.object({
  $ref: z.enum(['host', 'port', 'published', 'secret', 'volume', 'output', 'stack']),
  unit: z.string(),
  key: z.string(),
});

const value: z.ZodType = z.lazy(() =>
  z.union(
    [
      z.string(),
      z.number(),
      z.boolean(),
      reference,
      z.object({ $join: z.array(value), encode: z.literal('uri').optional() }),
    ],
    { error: 'expected text, a number or a reference to another unit' },
  ),
);

const probe = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('http'),
    port: key,
    path: z.string().startsWith('/'),
    status: z.array(z.number().int().min(100).max(599)).optional(),
    contains: z.string().optional(),
    since: z.string().optional(),
    body: z.string().optional(),
  }),
  z.object({ type: z.literal('postgres'), port: key }),
  z.object({ type: z.literal('redis'), port: key }),
  z.object({ type: z.literal('kafka'), port: key }),
  z.object({ type: z.literal('grpc'), port: key, service: z.string() }),
]);

const portNumber = z.number().int().min(1, 'a port is 1–65535').max(65535, 'a port is 1–65535');

const port = z.strictObject({
  number: portNumber,
  inside: portNumber.optional(),
  protocol: z.enum(['http', 'postgresql', 'redis', 's3', 'grpc', 'kafka', 'tcp']),
  user: z.string().optional(),
  password: key.optional(),
});

const summary = z.string().min(1, 'say in one line what it is for').max(120);
const fn = z.custom<(...args: never[]) => unknown>((v) => typeof v === 'function', 'expected a function');
const memory = z.string().regex(/^[1-9][0-9]*(Mi|Gi)$/, 'memory is written like 256Mi or 2Gi');
const unit = z.custom<object>(
  (v) => typeof v === 'object' && v !== null && 'kind' in v && 'file' in v,
  'expected a unit, imported from its definition',
);

const profiles = z.array(z.enum(Object.keys(PROFILES) as [Profile, ...Profile[]])).default([]);

const image = z.string().regex(/^[^:@\s]+(:[^:@\s]+|@sha256:[0-9a-f]{64})$/, 'pin a version: image:version');

const user = z.string().regex(/^\d+(:\d+)?$/, 'a user is a number, as the image may not know its name');

const mcp = z.strictObject({ env: z.record(envName, value) }).optional();

export const serviceSchema = z.strictObject({
  name,
  summary,
  ports: z.record(key, port).default({}),
  secrets: z
    .record(key, z.strictObject({ generated: z.literal(true), bytes: z.number().int().min(16).max(64) }))
    .default({}),
  volumes: z.record(key, z.string().startsWith('/', 'the path inside a container is absolute')).default({}),
  yours: z.array(key).default([]),
  dumped: key.optional(),
  env: z.record(envName, value).default({}),
  uses: z.array(unit).default([]),
  profiles,
  mcp,
  ready: z.union([probe, z.record(key, probe)], {
    error: 'a service says how its readiness is asked: httpReady(…), pgReady(…), redisReady(…), grpcReady(…)',
  }),
  native: z.union([z.strictObject({ plan: fn }), z.strictObject({ none: z.string().min(1) })], {
    error: "expected { plan } or { none: 'why' }",
  }),
  setUp: fn.optional(),
  docker: z
    .strictObject({
      image,
      build: z
        .strictObject({
          from: z.enum(['node', 'python']),
          files: z.record(z.string(), z.string()).default({}),
          packages: z.record(z.string(), z.string()).default({}),
          programs: z.record(z.string(), z.string()).default({}),
        })
        .optional(),
      command: z.array(z.string()).optional(),
      env: z.record(envName, value).default({}),
      first: z
        .record(
          key,
          z.strictObject({
            image: image.optional(),
            command: z.array(z.string()).min(1),
            env: z.record(envName, value).default({}),
            user: user.optional(),
          }),
        )
        .default({}),
      apart: z
        .union([
          z.strictObject({ none: z.string().min(1) }),
          z.strictObject({ env: z.record(envName, value) }),
        ])
        .optional(),
      folders: z.record(z.string().startsWith('/'), value).default({}),
      user: user.optional(),
      writable: z.boolean().default(false),
      capabilities: z.array(z.string().regex(/^[A-Z_]+$/)).default([]),
      health: fn.optional(),
      memory: memory.optional(),
      processes: z
        .record(key, z.strictObject({ command: z.array(z.string()).min(1), ports: z.array(key).default([]) }))
        .optional(),
    })
    .optional(),
  aws: z
    .union(
      [
        z.strictObject({ none: z.string().min(1), playedBy: unit.optional() }),
        z.strictObject({ resources: z.string().min(1), options: z.object({}).loose().optional() }),
      ],
      { error: "expected fargate(…) of @stack/ecs, { resources: './aws' } or { none: 'why' }" },
    )
    .optional(),
  route: z
    .strictObject({ port: key, path: z.string().startsWith('/').optional(), token: key.optional() })
    .optional(),
  memory,
  collect: z.strictObject({ into: key, files: fn }).optional(),
  metrics: z.strictObject({ port: key, path: z.string().startsWith('/').optional() }).optional(),
  gathers: z.literal('mcp').optional(),
});

export const moduleSchema = z.strictObject({
  name,
  summary,
  env: z.record(envName, value).default({}),
  uses: z.array(unit).default([]),
  profiles,
  mcp,
  native: z.strictObject({ outputs: z.record(key, value), apply: fn, destroy: fn.optional() }).optional(),
  aws: z
    .strictObject({
      outputs: z.record(key, summary),
      policies: z.record(key, key).optional(),
      secrets: z.array(key).optional(),
    })
    .optional(),
});

export const jobSchema = z.strictObject({
  name,
  summary,
  env: z.record(envName, value).default({}),
  uses: z.array(unit).default([]),
  profiles,
  mcp,
  native: z.strictObject({ run: fn, sources: z.array(z.string()).default([]) }),
});

/** The parsed options, or a StackError that names the file and each wrong field. */
export function parse<S extends z.ZodType>(schema: S, options: unknown, file: string): z.output<S> {
  const result = schema.safeParse(options);
  if (result.success) return result.data;
  const lines = result.error.issues.map(
    (issue) => `${issue.path.join('.') || '(definition)'}: ${issue.message}`,
  );
  throw new StackError('DEFINITION_INVALID', `${file}: ${lines[0]}`, `edit ${file}`, lines.slice(1));
}
