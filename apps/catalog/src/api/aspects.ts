import { RequestError } from '@stack/http-server';
import type { FastifyInstance } from 'fastify';
import { isObject } from '../model/json';
import { parseUrn } from '../model/urn';
import { changeOf } from '../write/proposal';
import { badRequest, momentOf, orFilters, wholeOf } from './asked';
import { ACTOR, type Context } from './routes';

interface Asked {
  Params: { '*': string };
  Querystring: { action?: string; aspect?: string; version?: string };
  Body: unknown;
}

/** `/aspects`: proposals in, single aspects and timeseries out. */
export function aspectRoutes(server: FastifyInstance, { model, aspects, events }: Context): void {
  const actions: Record<string, (body: Record<string, unknown>) => Promise<unknown>> = {
    ingestProposal: async ({ proposal }) => {
      const change = changeOf(model, proposal);
      await aspects.write([change], ACTOR);
      return { value: change.urn.text };
    },
    ingestProposalBatch: async ({ proposals }) => {
      if (!Array.isArray(proposals)) throw badRequest('proposals is a list');
      await aspects.write(
        proposals.map((proposal) => changeOf(model, proposal)),
        ACTOR,
      );
      return { value: 'success' };
    },
    getTimeseriesAspectValues: async (body) => {
      const { urn, aspect, limit, startTimeMillis, endTimeMillis, filter } = body;
      if (typeof aspect !== 'string') throw badRequest('aspect is missing');
      const wanted = filterOf(filter);
      const range = {
        from: momentOf(startTimeMillis, 'startTimeMillis'),
        to: momentOf(endTimeMillis, 'endTimeMillis'),
      };
      const most = wholeOf(limit, 'limit', 10);
      // What is filtered by is in the value: as many are read as it takes.
      const found = await events.read(parseUrn(urn).text, aspect, {
        ...range,
        limit: wanted ? 10_000 : most,
      });
      const values = found
        .filter(({ value }) => !wanted || wanted(value))
        .slice(0, most)
        .map(({ value, system }) => ({
          aspect: { value: JSON.stringify(value), contentType: 'application/json' },
          systemMetadata: system,
        }));
      return { value: { entityName: body.entity, aspectName: aspect, limit: most, values } };
    },
    getCount: async ({ aspect, urnLike }) => {
      if (typeof aspect !== 'string') throw badRequest('aspect is missing');
      const like = typeof urnLike === 'string' ? urnLike : '%';
      const count = model.aspect(aspect)?.isTimeseries
        ? await events.count(aspect, like)
        : await aspects.count(aspect, like);
      return { value: count };
    },
  };

  server.post<Asked>('/aspects', async ({ query, body }) => {
    const action = Object.hasOwn(actions, query.action ?? '') ? actions[query.action!] : undefined;
    if (!action)
      throw new RequestError(400, 'unknown_action', `/aspects has no action ${query.action ?? '(none)'}`, {
        remedy: `it has ${Object.keys(actions).join(', ')}`,
      });
    if (!isObject(body)) throw badRequest('the body is an object');
    return action(body);
  });

  server.get<Asked>('/aspects/*', async ({ params, query }) => {
    const urn = parseUrn(params['*']);
    const { aspect = '' } = query;
    const version = wholeOf(query.version, 'version', 0);
    const key = model.keyOf(urn);
    const found =
      aspect === key.name
        ? (await aspects.exists(urn.text)) && { value: key.value, version: 0, system: undefined }
        : model.aspect(aspect)?.isTimeseries
          ? await latestEvent(urn.text, aspect)
          : await aspects.read(urn.text, aspect, version);
    if (!found)
      throw new RequestError(404, 'not_found', `${urn.text} has no ${aspect || 'aspect'}`, {
        remedy: `GET /entitiesV2/<urn> says what it has`,
      });
    return {
      aspect: { [model.classOf(aspect)]: found.value },
      version: found.version,
      systemMetadata: found.system,
    };
  });

  async function latestEvent(urn: string, aspect: string) {
    const [event] = await events.read(urn, aspect, { limit: 1 });
    return event && { value: event.value, version: 0, system: event.system };
  }
}

/** As a test of values; undefined when all pass. */
function filterOf(filter: unknown): ((value: Record<string, unknown>) => boolean) | undefined {
  const lists = orFilters(filter);
  if (lists.every((list) => list.length === 0)) return undefined;
  return (value) =>
    lists.some((list) => list.every(({ field, values }) => values.includes(String(value[field]))));
}
