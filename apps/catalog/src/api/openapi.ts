import { RequestError } from '@stack/http-server';
import type { FastifyInstance } from 'fastify';
import { isObject, type JsonObject } from '../model/json';
import { type Urn, parseUrn } from '../model/urn';
import type { StoredAspect } from '../store/aspects';
import type { Change } from '../write/change';
import { patchOf, valueOf } from '../write/proposal';
import { badRequest, listOf, wholeOf } from './asked';
import { ACTOR, type Context } from './routes';

interface Asked {
  Params: { type: string; '*': string };
  Querystring: Record<string, string | string[] | undefined>;
  Body: unknown;
}

/** `/openapi`: entities as the newer clients write and read them, and relationships. */
export function openapiRoutes(server: FastifyInstance, context: Context): void {
  const { model, aspects, relationships } = context;
  const entities = entitiesOf(context);
  const changes = (
    body: unknown,
    type: string,
    each: (urn: string, aspect: string, value: JsonObject) => Change,
  ): Change[] =>
    (Array.isArray(body) ? body : [body]).flatMap((entity) => {
      if (!isObject(entity)) throw badRequest('an entity is {"urn", "<aspect>": {"value"}}');
      const { urn, ...rest } = entity;
      const parsed = parseUrn(urn);
      if (parsed.type !== type) throw badRequest(`${parsed.text} is no ${type}`);
      return Object.entries(rest).map(([aspect, one]) => {
        if (!isObject(one)) throw badRequest(`${aspect} of ${parsed.text} is {"value"}`);
        return each(parsed.text, aspect, one);
      });
    });
  const system = ({ systemMetadata }: JsonObject): JsonObject =>
    isObject(systemMetadata) ? systemMetadata : {};

  server.post<Asked>('/openapi/v3/entity/:type', async ({ params, query, body }) => {
    const kind =
      query.createIfNotExists === 'true' || query.createIfEntityNotExists === 'true' ? 'CREATE' : 'UPSERT';
    const list = changes(body, params.type, (urn, aspect, one) =>
      valueOf(model, urn, aspect, one.value, system(one), kind),
    );
    await aspects.write(list, ACTOR);
    return body;
  });

  server.patch<Asked>('/openapi/v3/entity/:type', async ({ params, body }) => {
    const list = changes(body, params.type, (urn, aspect, one) =>
      patchOf(model, urn, aspect, one.value, system(one)),
    );
    await aspects.write(list, ACTOR);
    return body;
  });

  const named = ({ type, '*': text }: Asked['Params']): Urn => {
    const urn = parseUrn(text);
    if (urn.type !== type) throw badRequest(`${urn.text} is no ${type}`);
    return urn;
  };

  server.delete<Asked>('/openapi/v3/entity/:type/*', async ({ params }) => {
    await aspects.deleteEntity(named(params).text);
    return {};
  });

  server.get<Asked>('/openapi/v3/entity/:type/*', async ({ params, query }) => {
    const urn = named(params);
    const wanted = listOf(query.aspects);
    const [entity] = await entities([urn], wanted.length > 0 ? wanted : undefined, isAsked(query));
    if (!entity)
      throw new RequestError(404, 'not_found', `there is no ${urn.text}`, { remedy: 'search for it' });
    return entity;
  });

  /** Each entity is `{"urn", "<aspect>": {}}` of those that are wanted of it; without any, all are. */
  server.post<Asked>('/openapi/v3/entity/:type/batchGet', async ({ params, query, body }) => {
    if (!Array.isArray(body)) throw badRequest('the body is a list of {"urn", "<aspect>": {}}');
    const asked = body.filter(isObject).map(({ urn, ...wanted }) => ({
      urn: named({ type: params.type, '*': String(urn) }),
      wanted: Object.keys(wanted),
    }));
    const found = await entities(
      asked.map(({ urn }) => urn),
      undefined,
      isAsked(query),
    );
    const wantedOf = new Map(asked.map(({ urn, wanted }) => [urn.text, wanted]));
    return found.map((entity) => {
      const wanted = wantedOf.get(String(entity.urn)) ?? [];
      if (wanted.length === 0) return entity;
      return Object.fromEntries(
        Object.entries(entity).filter(([name]) => name === 'urn' || wanted.includes(name)),
      );
    });
  });

  server.post<Asked>('/openapi/v2/entity/batch/:type', async ({ params, body }) => {
    const { urns, aspectNames, withSystemMetadata } = isObject(body) ? body : {};
    const asked = listOf(urns).map((urn) => named({ type: params.type, '*': urn }));
    const names = listOf(aspectNames);
    const found = await entities(asked, names.length > 0 ? names : undefined, withSystemMetadata === true);
    return { entities: found.map(({ urn, ...rest }) => ({ urn, aspects: rest })) };
  });

  const related = async ({ query }: { query: Asked['Querystring'] }) => {
    const { text } = parseUrn(query.urn);
    const direction = String(query.direction ?? 'OUTGOING').toUpperCase();
    if (direction !== 'INCOMING' && direction !== 'OUTGOING')
      throw badRequest('direction is INCOMING or OUTGOING');
    const start = wholeOf(query.start, 'start', 0);
    const types = listOf(query.relationshipTypes ?? query.types);
    const { total, page } = await relationships.of(
      text,
      direction,
      types,
      start,
      wholeOf(query.count, 'count', 200),
    );
    const entities = page.map(({ urn, type }) => ({ urn, entity: urn, relationshipType: type, type }));
    return { start, count: page.length, total, entities, relationships: entities };
  };
  server.get<Asked>('/openapi/relationships/v1/', related);
  server.get<Asked>('/openapi/relationships/v1', related);
  server.get<Asked>('/relationships', related);
}

/** Whether the answer is to have where each aspect came from. */
export const isAsked = ({ systemMetadata }: Asked['Querystring']): boolean => systemMetadata === 'true';

/** Reads entities as `/openapi/v3` has them, those that there are: `{"urn", "<aspect>": {"value", "systemMetadata"}}`. */
export function entitiesOf({ model, aspects }: Context) {
  return async (
    urns: readonly Urn[],
    wanted?: readonly string[],
    withSystem = false,
  ): Promise<Record<string, unknown>[]> => {
    const texts = urns.map(({ text }) => text);
    const [known, found] = await Promise.all([aspects.existing(texts), aspects.readAll(texts, wanted)]);
    const byUrn = new Map<string, StoredAspect[]>();
    for (const one of found) byUrn.set(one.urn, [...(byUrn.get(one.urn) ?? []), one]);
    return urns
      .filter(({ text }) => known.has(text))
      .map((urn) => {
        const key = model.keyOf(urn);
        return {
          urn: urn.text,
          [key.name]: { value: key.value },
          ...Object.fromEntries(
            (byUrn.get(urn.text) ?? []).map(({ aspect, value, system }) => [
              aspect,
              { value, ...(withSystem && { systemMetadata: system }) },
            ]),
          ),
        };
      });
  };
}
