import { RequestError } from '@stack/http-server';
import type { FastifyInstance } from 'fastify';
import { isObject, type Json, type JsonObject } from '../model/json';
import { parseUrn } from '../model/urn';
import type { StoredAspect } from '../store/aspects';
import type { Context } from './routes';

interface Asked {
  Params: { '*': string };
  Querystring: { categories?: string; startTime?: string; endTime?: string };
}

interface ChangeEvent {
  category: string;
  operation: 'ADD' | 'REMOVE' | 'MODIFY';
  entityUrn: string;
  /** URN or name of what changed. */
  modifier: string;
  semVerChange: SemVerChange;
  description: string;
  parameters?: JsonObject;
}

type SemVerChange = 'MAJOR' | 'MINOR' | 'PATCH';

/** What one aspect tells of one category: things by name, and what of each may change. */
interface Watched {
  aspect: string;
  category: string;
  things: (value: JsonObject) => [string, Json][];
  /** In words: `column x`. */
  word: string;
  /** What removing or changing one means to those who use it. */
  breaks?: boolean;
}

const list = (value: Json | undefined): JsonObject[] => (Array.isArray(value) ? value.filter(isObject) : []);
const text = (value: Json | undefined): string => (typeof value === 'string' ? value : '');
const described = (value: JsonObject): [string, Json][] =>
  text(value.description) ? [['description', text(value.description)]] : [];

const WATCHED: Watched[] = [
  {
    aspect: 'schemaMetadata',
    category: 'TECHNICAL_SCHEMA',
    word: 'column',
    breaks: true,
    things: ({ fields }) => list(fields).map((one) => [text(one.fieldPath), text(one.nativeDataType)]),
  },
  {
    aspect: 'schemaMetadata',
    category: 'DOCUMENTATION',
    word: 'description of column',
    things: ({ fields }) =>
      list(fields)
        .filter((one) => text(one.description))
        .map((one) => [text(one.fieldPath), text(one.description)]),
  },
  ...[
    'datasetProperties',
    'editableDatasetProperties',
    'dashboardInfo',
    'chartInfo',
    'dataJobInfo',
    'dataFlowInfo',
  ].map((aspect) => ({ aspect, category: 'DOCUMENTATION', word: 'the', things: described })),
  {
    aspect: 'institutionalMemory',
    category: 'DOCUMENTATION',
    word: 'link',
    things: ({ elements }) => list(elements).map((one) => [text(one.url), text(one.description)]),
  },
  {
    aspect: 'globalTags',
    category: 'TAG',
    word: 'tag',
    things: ({ tags }) => list(tags).map((one) => [text(one.tag), '']),
  },
  {
    aspect: 'glossaryTerms',
    category: 'GLOSSARY_TERM',
    word: 'term',
    things: ({ terms }) => list(terms).map((one) => [text(one.urn), '']),
  },
  {
    aspect: 'ownership',
    category: 'OWNER',
    word: 'owner',
    things: ({ owners }) => list(owners).map((one) => [text(one.owner), text(one.type)]),
  },
  {
    aspect: 'domains',
    category: 'DOMAIN',
    word: 'domain',
    things: ({ domains }) => (Array.isArray(domains) ? domains.map((one) => [String(one), '']) : []),
  },
];

/** Other names of a category, as clients send them. */
const NAMES: Record<string, string> = { OWNERSHIP: 'OWNER', TAGS: 'TAG', GLOSSARY_TERMS: 'GLOSSARY_TERM' };

/** What changed of an entity, and when: told by the versions of its aspects. */
export function timelineRoutes(server: FastifyInstance, { aspects }: Context): void {
  server.get<Asked>('/openapi/v2/timeline/v1/*', async ({ params, query }) => {
    const urn = parseUrn(params['*']).text;
    const all = new Set(WATCHED.map(({ category }) => category));
    const asked = (query.categories ?? '')
      .split(',')
      .filter(Boolean)
      .map((one) => NAMES[one.toUpperCase()] ?? one.toUpperCase());
    const watched = WATCHED.filter(({ category }) => asked.length === 0 || asked.includes(category));
    if (watched.length === 0)
      throw new RequestError(400, 'unknown_category', `there is no category ${asked.join(', ')}`, {
        remedy: `there are ${[...all].join(', ')}`,
      });
    const versions = await aspects.versions(urn, [...new Set(watched.map(({ aspect }) => aspect))]);
    const [from, to] = [Number(query.startTime ?? 0), Number(query.endTime ?? Infinity)];
    const byTime = new Map<number, ChangeEvent[]>();
    for (const { before, after } of steps(versions)) {
      const events = watched
        .filter(({ aspect }) => aspect === after.aspect)
        .flatMap((one) => changes(urn, one, before, after));
      const at = after.createdAt.getTime();
      if (events.length > 0) byTime.set(at, [...(byTime.get(at) ?? []), ...events]);
    }
    let version = [0, 0, 0];
    const transactions = [...byTime]
      .sort(([a], [b]) => a - b)
      .map(([timestamp, changeEvents], i) => {
        const most = changeEvents.reduce<SemVerChange>(
          (so, { semVerChange: one }) => (RANK[one] > RANK[so] ? one : so),
          'PATCH',
        );
        // What was there at first breaks nothing.
        if (i > 0)
          version = version.map((part, k) =>
            k < 2 - RANK[most] ? part : k === 2 - RANK[most] ? part + 1 : 0,
          );
        return {
          timestamp,
          semVer: `${version.join('.')}-computed`,
          semVerChange: i > 0 ? most : 'NONE',
          changeEvents,
        };
      });
    return transactions.filter(({ timestamp }) => timestamp >= from && timestamp <= to);
  });
}

const RANK: Record<SemVerChange, 0 | 1 | 2> = { PATCH: 0, MINOR: 1, MAJOR: 2 };

function* steps(
  versions: readonly StoredAspect[],
): Generator<{ before?: StoredAspect; after: StoredAspect }> {
  let before: StoredAspect | undefined;
  for (const after of versions) {
    yield { before: before?.aspect === after.aspect ? before : undefined, after };
    before = after;
  }
}

function changes(
  urn: string,
  { category, things, word, breaks }: Watched,
  before: StoredAspect | undefined,
  after: StoredAspect,
): ChangeEvent[] {
  const [old, now] = [new Map(before ? things(before.value) : []), new Map(things(after.value))];
  const event = (operation: ChangeEvent['operation'], name: string, description: string): ChangeEvent => ({
    category,
    operation,
    entityUrn: urn,
    modifier:
      category === 'TECHNICAL_SCHEMA' || word.endsWith('column')
        ? `urn:li:schemaField:(${urn},${name})`
        : name,
    semVerChange: operation === 'ADD' || !breaks ? 'MINOR' : 'MAJOR',
    description: `${word} ${name} ${description}`,
    ...(category === 'TECHNICAL_SCHEMA' && { parameters: { fieldPath: name } }),
  });
  return [
    ...[...now].filter(([name]) => !old.has(name)).map(([name]) => event('ADD', name, 'was added')),
    ...[...old].filter(([name]) => !now.has(name)).map(([name]) => event('REMOVE', name, 'was removed')),
    ...[...now]
      .filter(([name, value]) => old.has(name) && old.get(name) !== value)
      .map(([name, value]) =>
        event('MODIFY', name, `changed from ${String(old.get(name))} to ${String(value)}`),
      ),
  ];
}
