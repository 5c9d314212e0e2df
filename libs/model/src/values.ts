/**
 * Values that a runtime resolves: an address, a port or a secret of another unit isn't known when the definition is
 * read, and differs between a laptop, Docker and AWS. A definition holds the reference; each runtime gives it its value.
 */

/** What a reference points at. `key` is a port, secret, volume or output name, or a fact of the stack. */
export interface Reference {
  readonly $ref: 'host' | 'port' | 'published' | 'secret' | 'volume' | 'output' | 'stack';
  /** Name of the unit referred to; empty for `stack`. */
  readonly unit: string;
  readonly key: string;
}

/** Parts joined into one string once each is resolved. */
export interface Joined {
  readonly $join: readonly Value[];
  /** How each resolved part is written: `uri` percent-encodes (for credentials in a URL). */
  readonly encode?: 'uri';
}

export type Value = string | number | boolean | Reference | Joined;

/** Gives a reference its value in one runtime. Throws a StackError when it can't. */
export type Resolver = (reference: Reference) => string;

export const isReference = (value: unknown): value is Reference =>
  typeof value === 'object' && value !== null && '$ref' in value;

export const isJoined = (value: unknown): value is Joined =>
  typeof value === 'object' && value !== null && '$join' in value;

/**
 * A template whose parts may be references.
 *
 * @example text`http://${duckdbHttp.address('http')}/v1/query`
 */
export function text(strings: TemplateStringsArray, ...values: Value[]): Joined {
  return { $join: strings.flatMap((part, i) => (i < values.length ? [part, values[i]] : [part])) };
}

/** The value, percent-encoded when it is resolved. */
export const uriEncoded = (value: Value): Joined => ({ $join: [value], encode: 'uri' });

/** The unit that a reference inside its own definition means; `defineService` puts the name in. */
const OWN = '.';

/**
 * A service's own host, port, secret or volume, in its own definition.
 *
 * @example env: { PORT: own.port('http'), API_TOKEN: own.secret('token') }
 */
export const own = {
  /** Where it serves the port, for its own other processes. */
  host: (key: string): Reference => ({ $ref: 'host', unit: OWN, key }),
  port: (key: string): Reference => ({ $ref: 'port', unit: OWN, key }),
  /** The port's number on this machine, which in a container is another than the one inside. */
  published: (key: string): Reference => ({ $ref: 'published', unit: OWN, key }),
  secret: (key: string): Reference => ({ $ref: 'secret', unit: OWN, key }),
  volume: (key: string): Reference => ({ $ref: 'volume', unit: OWN, key }),
} as const;

/** The value with every reference replaced by what `change` makes of it. */
export function mapReferences(value: Value, change: (reference: Reference) => Value): Value {
  if (isReference(value)) return change(value);
  if (isJoined(value)) return { ...value, $join: value.$join.map((part) => mapReferences(part, change)) };
  return value;
}

/** The value with references to `own` as references to the unit of that name. */
export const ownedBy = (unit: string, value: Value): Value =>
  mapReferences(value, (reference) => (reference.unit === OWN ? { ...reference, unit } : reference));

/**
 * Facts of the stack that a unit runs in: its name, the checkout, its state folder, the supervisor's socket, the address on
 * which servers listen (this machine's own natively, every one of its own in a container), and the folder of the user's files.
 */
export const stack = {
  name: { $ref: 'stack', unit: '', key: 'name' },
  workspace: { $ref: 'stack', unit: '', key: 'workspace' },
  dir: { $ref: 'stack', unit: '', key: 'dir' },
  socket: { $ref: 'stack', unit: '', key: 'socket' },
  bind: { $ref: 'stack', unit: '', key: 'bind' },
  inbox: { $ref: 'stack', unit: '', key: 'inbox' },
} as const satisfies Record<string, Reference>;

/** The value as a string, every reference in it replaced by what `resolver` gives. */
export function resolve(value: Value, resolver: Resolver): string {
  if (isReference(value)) return resolver(value);
  if (isJoined(value)) {
    const joined = value.$join.map((part) => resolve(part, resolver)).join('');
    return value.encode === 'uri' ? encodeURIComponent(joined) : joined;
  }
  return String(value);
}

/** Every reference inside a value, in reading order. */
export function referencesIn(value: Value): Reference[] {
  if (isReference(value)) return [value];
  if (isJoined(value)) return value.$join.flatMap(referencesIn);
  return [];
}
