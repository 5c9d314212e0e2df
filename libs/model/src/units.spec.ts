import { StackError } from './errors';
import { httpReady, pgReady } from './probes';
import type { Profile } from './profiles';
import {
  checkStack,
  defineJob,
  defineModule,
  defineService,
  dependenciesOf,
  generated,
  isSecret,
  isWanted,
  type Unit,
} from './units';
import { resolve, text } from './values';

const plan = async () => ({ command: '/bin/true', args: [] });

const database = defineService({
  name: 'database',
  summary: 'A database',
  ports: { sql: { number: 5432, protocol: 'postgresql', user: 'admin', password: 'password' } },
  secrets: { password: generated() },
  volumes: { data: '/data' },
  ready: pgReady('sql'),
  native: { plan },
  memory: '64Mi',
});

const shop = defineService({
  name: 'shop',
  summary: 'A shop',
  ports: { http: { number: 8080, protocol: 'http' } },
  env: { DATABASE_URL: database.url('sql', { database: 'shop' }), NAME: 'shop' },
  ready: httpReady('http', '/health'),
  native: { plan },
  memory: '64Mi',
});

const values: Record<string, string> = {
  host: '10.0.0.1',
  port: '15432',
  secret: 'p@ss/word',
  volume: '/v',
  output: 'out',
  stack: 'local',
};

/** The error that a definition raises. */
function problem(define: () => unknown): StackError {
  try {
    define();
  } catch (error) {
    if (error instanceof StackError) return error;
    throw error;
  }
  throw new Error('the definition was accepted');
}

describe('references', () => {
  it('become what the runtime says, credentials encoded', () => {
    expect(resolve(shop.env.DATABASE_URL, (reference) => values[reference.$ref])).toBe(
      'postgresql://admin:p%40ss%2Fword@10.0.0.1:15432/shop',
    );
    expect(resolve(text`http://${shop.address('http')}/x`, (reference) => values[reference.$ref])).toBe(
      'http://10.0.0.1:15432/x',
    );
  });

  it('are the dependencies of a unit', () => {
    expect(dependenciesOf(shop)).toEqual(['database']);
    const job = defineJob({
      name: 'job',
      summary: 'A job',
      uses: [shop],
      native: { run: async () => undefined },
    });
    expect(dependenciesOf(job)).toEqual(['shop']);
  });

  it('know when they hold a secret', () => {
    expect(isSecret(shop.env.DATABASE_URL)).toBe(true);
    expect(isSecret(database.address('sql'))).toBe(false);
    expect(isSecret('text')).toBe(false);
  });

  it('to what a unit does not have are refused', () => {
    expect(problem(() => database.port('sqll' as 'sql')).message).toContain(
      "ports.sqll, which database doesn't have (it has sql)",
    );
    const bucket = defineModule({
      name: 'bucket',
      summary: 'A bucket',
      native: { outputs: { name: 'lake' }, apply: async () => undefined },
    });
    expect(problem(() => bucket.output('nam' as 'name')).message).toContain('no output nam (it has name)');
  });
});

describe('a wrong definition names the file and the field', () => {
  const good = {
    name: 'x',
    summary: 'X',
    ports: { http: { number: 80, protocol: 'http' } },
    ready: httpReady('http', '/'),
    native: { plan },
    memory: '64Mi',
  } as const;
  it.each([
    ['ports.http.number', { ports: { http: { number: 70_000, protocol: 'http' } } }],
    ['name', { name: 'Bad Name' }],
    ['ready', { ready: undefined }],
    ['ready', { ready: httpReady('htp', '/') }],
    ['summary', { summary: '' }],
    ['memory', { memory: '64MB' }],
    ['docker.image', { docker: { image: 'postgres' } }],
    ['env.URL', { env: { URL: undefined } }],
    ['env.URL', { env: { URL: { nonsense: 1 } } }],
    ['route.port', { route: { port: 'web' } }],
    ['route.token', { route: { port: 'http', token: 'web' } }],
    ['yours', { yours: ['web'] }],
    ['ports.http.password', { ports: { http: { number: 80, protocol: 'http', password: 'none' } } }],
    ['imag', { imag: 'x' }],
    ['native', { native: {} }],
    ['profiles', { profiles: ['nonsense'] }],
    ['metrics.port', { metrics: { port: 'web' } }],
    ['collect.into', { collect: { into: 'config', files: () => ({}) } }],
    ['docker.first.make.command', { docker: { image: 'a:1', first: { make: { command: [] } } } }],
  ])('%s', (field, wrong) => {
    const { message } = problem(() => defineService({ ...good, ...wrong } as never));
    expect(message).toContain('units.spec.ts');
    expect(message).toContain(field);
  });

  it('two ports with one number', () => {
    const ports = { a: { number: 80, protocol: 'http' }, b: { number: 80, protocol: 'http' } } as const;
    expect(
      problem(() => defineService({ ...good, ports, ready: httpReady('a', '/') } as never)).message,
    ).toContain('ports.a and ports.b are both 80');
  });
});

describe('a profile', () => {
  const one = { ...shop, profiles: ['datahub', 'streaming'] } as unknown as Unit;
  it('is asked for by PROFILES', () => {
    expect(isWanted(shop as unknown as Unit, {})).toBe(true);
    expect(isWanted(one, {})).toBe(false);
    expect(isWanted(one, { PROFILES: 'observability, streaming' })).toBe(true);
    expect(isWanted(one, { PROFILES: 'observability' })).toBe(false);
  });

  it('that there is not is refused, with those that there are', () => {
    expect(() => isWanted(one, { PROFILES: 'stream' })).toThrow(/no profile stream/);
  });
});

describe('the units together', () => {
  const twin = (name: string, number: number) =>
    defineService({
      name,
      summary: 'Twin',
      ports: { http: { number, protocol: 'http' } },
      ready: httpReady('http', '/'),
      native: { plan },
      memory: '64Mi',
    });
  const only = (...profiles: Profile[]) => ({ ...database, profiles }) as unknown as Unit;
  it('are fine as they are', () => expect(() => checkStack([database, shop])).not.toThrow());
  it.each([
    ['a name used twice', [twin('a', 1), twin('a', 2)], 'name: a is also the name of'],
    ['a port used twice', [twin('a', 1), twin('b', 1)], 'ports.http.number: 1 is also the port of'],
    ['a reference to nobody', [shop], 'refers to database, which is no unit'],
    [
      'a need that is only there with a profile',
      [only('datahub'), shop],
      "needs database, which isn't there with no profile",
    ],
    [
      'a need that another profile has',
      [only('datahub'), { ...shop, profiles: ['datahub', 'streaming'] } as unknown as Unit],
      "needs database, which isn't there with streaming",
    ],
  ])('%s', (_what, units, message) => expect(problem(() => checkStack(units)).message).toContain(message));
});
