import { RequestError } from '@stack/http-server';
import type { FastifyInstance } from 'fastify';
import { isObject, type JsonObject } from '../model/json';
import { parseUrn } from '../model/urn';
import type { Change } from '../write/change';
import { patchOf, valueOf } from '../write/proposal';
import { ACTOR, type Context } from './routes';

interface Asked {
  Params: { type: string; '*': string };
  Querystring: Record<string, string | string[] | undefined>;
  Body: unknown;
}

/** `/openapi`: entities as the newer clients write and read them, and relationships. */
export function openapiRoutes(server: FastifyInstance, { model, aspects, relationships }: Context): void {
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

  server.delete<Asked>('/openapi/v3/entity/:type/*', async ({ params }) => {
    await aspects.deleteEntity(parseUrn(params['*']).text);
    return {};
  });

  server.get<Asked>('/openapi/v3/entity/:type/*', async ({ params, query }) => {
    const urn = parseUrn(params['*']);
    if (!(await aspects.exists(urn.text)))
      throw new RequestError(404, 'not_found', `there is no ${urn.text}`, { remedy: 'search for it' });
    const wanted = many(query.aspects);
    const found = await aspects.readAll([urn.text], wanted.length > 0 ? wanted : undefined);
    const key = model.keyOf(urn);
    return {
      urn: urn.text,
      [key.name]: { value: key.value },
      ...Object.fromEntries(
        found.map(({ aspect, value, system: from }) => [
          aspect,
          query.systemMetadata === 'true' ? { value, systemMetadata: from } : { value },
        ]),
      ),
    };
  });

  const related = async ({ query }: { query: Asked['Querystring'] }) => {
    const { text } = parseUrn(query.urn);
    const direction = String(query.direction ?? 'OUTGOING').toUpperCase();
    if (direction !== 'INCOMING' && direction !== 'OUTGOING')
      throw badRequest('direction is INCOMING or OUTGOING');
    const start = Number(query.start ?? 0);
    const types = many(query.relationshipTypes ?? query.types);
    const { total, page } = await relationships.of(text, direction, types, start, Number(query.count ?? 200));
    const entities = page.map(({ urn, type }) => ({ urn, entity: urn, relationshipType: type, type }));
    return { start, count: page.length, total, entities, relationships: entities };
  };
  server.get<Asked>('/openapi/relationships/v1/', related);
  server.get<Asked>('/openapi/relationships/v1', related);
  server.get<Asked>('/relationships', related);
}

const badRequest = (message: string): RequestError =>
  new RequestError(400, 'invalid_request', message, { remedy: 'send it as acryl-datahub does' });

/** `List(a,b)`, several parameters of one name, or one. */
const many = (value: string | string[] | undefined): string[] =>
  [value ?? []]
    .flat()
    .flatMap((one) => (/^List\(/.test(one) ? one.slice(5, -1).split(',') : [one]))
    .filter(Boolean);
