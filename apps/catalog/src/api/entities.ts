import { RequestError } from '@stack/http-server';
import type { FastifyInstance } from 'fastify';
import { isObject, type JsonObject } from '../model/json';
import { parseUrn } from '../model/urn';
import { changesOfSnapshot } from '../write/proposal';
import { badRequest, listOf, orFilters, wholeOf } from './asked';
import { ACTOR, type Context } from './routes';

interface Asked {
  Params: { '*': string };
  Querystring: { action?: string; aspects?: string };
  Body: unknown;
}

/** `/entities` and `/entitiesV2`: whole entities. */
export function entityRoutes(
  server: FastifyInstance,
  { model, aspects, events, relationships, search }: Context,
): void {
  const actions: Record<string, (body: JsonObject) => Promise<unknown>> = {
    ingest: async ({ entity, systemMetadata }) => {
      await aspects.write(changesOfSnapshot(model, entity, systemMetadata), ACTOR);
      return {};
    },
    batchIngest: async ({ entities, systemMetadata }) => {
      const list = Array.isArray(entities) ? entities : [];
      const systems = Array.isArray(systemMetadata) ? systemMetadata : [];
      await aspects.write(
        list.flatMap((entity, i) => changesOfSnapshot(model, entity, systems[i])),
        ACTOR,
      );
      return {};
    },
    delete: async ({ urn, aspectName, startTimeMillis, endTimeMillis }) => {
      const { text } = parseUrn(urn);
      if (typeof aspectName === 'string') {
        const range = {
          from: wholeOf(startTimeMillis, 'startTimeMillis', 0),
          to: wholeOf(endTimeMillis, 'endTimeMillis', Number.MAX_SAFE_INTEGER),
        };
        return {
          value: { urn: text, rows: 0, timeseriesRows: await events.delete(text, aspectName, range) },
        };
      }
      const { rows, events: gone } = await aspects.deleteEntity(text);
      return { value: { urn: text, rows, timeseriesRows: gone } };
    },
    deleteReferences: async ({ urn, dryRun }) => {
      const { text } = parseUrn(urn);
      const related = await relationships.references(text);
      if (dryRun !== true) await aspects.removeReferences(text, related, ACTOR);
      const shown = related
        .slice(0, 10)
        .map(({ owner, aspect, type }) => ({ entity: owner, relationship: type, aspect }));
      return { value: { total: related.length, relatedAspects: shown } };
    },
    listUrns: async ({ entity, start, count }) => {
      const query = { types: [String(entity)], withRemoved: true };
      const { total, hits } = await search.find(
        query,
        wholeOf(start, 'start', 0),
        wholeOf(count, 'count', 100),
      );
      return { value: { entities: hits.map(({ urn }) => urn), start, count: hits.length, total } };
    },
    search: async ({ input, entity, start, count, filter }) => {
      const filters = orFilters(filter);
      const query = { text: String(input ?? ''), types: [String(entity)], filters };
      const { total, hits } = await search.find(
        query,
        wholeOf(start, 'start', 0),
        wholeOf(count, 'count', 10),
      );
      const entities = hits.map(({ urn }) => ({ entity: urn, matchedFields: [] }));
      return { value: { entities, from: start ?? 0, pageSize: count ?? 10, numEntities: total } };
    },
    exists: async ({ urn }) => ({ value: await aspects.exists(parseUrn(urn).text) }),
  };

  server.post<Asked>('/entities', async ({ query, body }) => {
    const action = Object.hasOwn(actions, query.action ?? '') ? actions[query.action!] : undefined;
    if (!action)
      throw new RequestError(400, 'unknown_action', `/entities has no action ${query.action ?? '(none)'}`, {
        remedy: `it has ${Object.keys(actions).join(', ')}`,
      });
    if (!isObject(body)) throw badRequest('the body is an object');
    return action(body);
  });

  server.get<Asked>('/entitiesV2/*', async ({ params, query }) => {
    const urn = parseUrn(params['*']);
    const key = model.keyOf(urn);
    const wanted = query.aspects === undefined ? undefined : listOf(query.aspects);
    const exists = await aspects.exists(urn.text);
    const found = exists ? await aspects.readAll([urn.text], wanted) : [];
    const shown = found.map(({ aspect, value, version, system, createdAt, createdBy }) => [
      aspect,
      {
        name: aspect,
        type: 'VERSIONED',
        version,
        value,
        systemMetadata: system,
        created: { time: createdAt.getTime(), actor: createdBy },
      },
    ]);
    const withKey = exists && (!wanted || wanted.includes(key.name));
    const keyed = withKey
      ? [[key.name, { name: key.name, type: 'VERSIONED', version: 0, value: key.value }]]
      : [];
    return { urn: urn.text, entityName: urn.type, aspects: Object.fromEntries([...keyed, ...shown]) };
  });

  server.get<Asked>('/entities/*', async ({ params }) => {
    const urn = parseUrn(params['*']);
    const found = (await aspects.exists(urn.text)) ? await aspects.readAll([urn.text]) : [];
    const snapshot = `com.linkedin.metadata.snapshot.${urn.type[0]!.toUpperCase()}${urn.type.slice(1)}Snapshot`;
    const list = found.map(({ aspect, value }) => ({ [model.classOf(aspect)]: value }));
    return { value: { [snapshot]: { urn: urn.text, aspects: list } } };
  });
}
