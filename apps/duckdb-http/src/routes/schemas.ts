import { FORMATS, STREAMED } from '../formats';

/** JSON Schemas of requests and answers: the requests are checked by them, the description is made of them. */

const PARAMETER = { type: ['string', 'number', 'boolean', 'null'] };

export const PARAMS = {
  anyOf: [
    { type: 'array', items: PARAMETER },
    { type: 'object', additionalProperties: PARAMETER },
  ],
  description: 'A list for ? and $1, an object for $name',
};

const SNAPSHOT = {
  type: 'object',
  required: ['id', 'publishedAt'],
  properties: {
    id: { type: ['string', 'null'], description: 'null before the first publish' },
    publishedAt: { type: ['string', 'null'], format: 'date-time' },
  },
};

const COLUMNS = {
  type: 'array',
  items: {
    type: 'object',
    required: ['name', 'type'],
    properties: { name: { type: 'string' }, type: { type: 'string', examples: ['VARCHAR'] } },
  },
};

const ROWS = {
  type: 'array',
  items: { type: 'array', items: {} },
  description: 'One list a row, in the order of the columns',
};

const AGE = { type: ['integer', 'null'], description: 'Seconds since it was published' };

const object = (properties: Record<string, object>, optional: string[] = []): object => ({
  type: 'object',
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
  properties,
});

const json = (description: string, schema: object): object => ({
  description,
  content: { 'application/json': { schema } },
});

/** Problem details, RFC 9457. */
export const PROBLEM = {
  $id: 'Problem',
  ...object(
    {
      type: { type: 'string', format: 'uri' },
      title: { type: 'string' },
      status: { type: 'integer' },
      detail: { type: 'string', description: 'What is wrong' },
      code: { type: 'string', examples: ['invalid_sql'], description: 'Stable, for programs' },
      remedy: { type: 'string', description: 'What mends it' },
      position: { type: 'integer', description: 'An offset into the SQL, in characters' },
      nearest: { type: 'array', items: { type: 'string' }, description: 'Names like one that isn’t known' },
    },
    ['position', 'nearest'],
  ),
};

const failed = (statuses: Record<number, string>): Record<number, object> =>
  Object.fromEntries(
    Object.entries(statuses).map(([status, description]) => [
      status,
      { description, content: { 'application/problem+json': { schema: { $ref: 'Problem#' } } } },
    ]),
  );

const UNAUTHORIZED = { 401: 'No token, or a wrong one' };

const types = [...new Set(Object.values(STREAMED).map(({ mediaType }) => mediaType.split(';')[0]!))];

const QUERY_ANSWERS = {
  200: {
    description: 'The rows, in the format that was asked for',
    headers: { 'x-snapshot': { schema: { type: 'string' }, description: 'The snapshot; not with json' } },
    content: {
      'application/json': {
        schema: {
          anyOf: [
            {
              title: 'json',
              ...object({
                columns: COLUMNS,
                rows: ROWS,
                rowCount: { type: 'integer' },
                truncated: { type: 'boolean', description: 'There were more rows than the limit' },
                snapshot: SNAPSHOT,
                elapsedMs: { type: 'number' },
              }),
            },
            { title: 'rows', type: 'array', items: { type: 'object' } },
            { title: 'columns', type: 'object', additionalProperties: { type: 'array' } },
          ],
        },
      },
      ...Object.fromEntries(
        types
          .filter((type) => type !== 'application/json')
          .map((type) => [type, { schema: { type: 'string' } }]),
      ),
    },
  },
  ...failed({
    400: 'The SQL or the request is wrong',
    ...UNAUTHORIZED,
    403: 'The SQL does what may not be done here',
    406: 'None of the accepted types is made here',
    408: 'The query took too long',
    413: 'The query or its answer is too large',
    429: 'Too many queries wait; Retry-After says when to ask again',
  }),
};

const FORMAT = { type: 'string', enum: FORMATS, description: 'Default: what Accept says, else json' };

export const POST_QUERY = {
  summary: 'Runs one SELECT',
  tags: ['query'],
  body: {
    type: 'object',
    required: ['sql'],
    additionalProperties: false,
    properties: {
      sql: { type: 'string', minLength: 1, examples: ['SELECT 42 AS answer'] },
      params: PARAMS,
      maxRows: { type: 'integer', minimum: 1 },
      format: FORMAT,
    },
  },
  response: QUERY_ANSWERS,
};

export const GET_QUERY = {
  summary: 'Runs one SELECT, by a link',
  tags: ['query'],
  querystring: {
    type: 'object',
    required: ['sql'],
    additionalProperties: false,
    properties: {
      sql: { type: 'string', minLength: 1 },
      params: { type: 'string', description: 'As in the body of POST, as JSON' },
      maxRows: { type: 'string', pattern: '^[1-9][0-9]{0,14}$' },
      format: FORMAT,
    },
  },
  response: QUERY_ANSWERS,
};

const TABLE = {
  name: { type: 'string' },
  rows: { type: 'integer' },
  columns: COLUMNS,
};

export const TABLES = {
  summary: 'The tables, their columns and rows',
  tags: ['tables'],
  response: {
    200: json('The tables', object({ tables: { type: 'array', items: object(TABLE) }, snapshot: SNAPSHOT })),
    ...failed(UNAUTHORIZED),
  },
};

export const TABLE_BY_NAME = {
  summary: 'One table: columns, rows, a sample, how fresh it is',
  tags: ['tables'],
  params: { type: 'object', required: ['name'], properties: { name: { type: 'string' } } },
  response: {
    200: json('The table', object({ ...TABLE, sample: ROWS, snapshot: SNAPSHOT, ageSeconds: AGE })),
    ...failed({ ...UNAUTHORIZED, 404: 'There is no such table' }),
  },
};

const RUN = { type: ['string', 'null'], description: 'The run of the pipeline that published it' };

export const SNAPSHOT_IN_USE = {
  summary: 'The snapshot that answers, and how old it is',
  tags: ['snapshots'],
  response: {
    200: json('The snapshot', {
      ...SNAPSHOT,
      required: [...SNAPSHOT.required, 'runId', 'ageSeconds'],
      properties: { ...SNAPSHOT.properties, runId: RUN, ageSeconds: AGE },
    }),
    ...failed(UNAUTHORIZED),
  },
};

export const SNAPSHOTS = {
  summary: 'The snapshots that lie here, the newest first',
  tags: ['snapshots'],
  response: {
    200: json(
      'The snapshots',
      object({
        snapshots: {
          type: 'array',
          items: object({
            id: { type: 'string' },
            publishedAt: { type: 'string', format: 'date-time' },
            runId: RUN,
            tables: { type: 'integer' },
            rows: { type: 'integer' },
            inUse: { type: 'boolean' },
          }),
        },
      }),
    ),
    ...failed(UNAUTHORIZED),
  },
};

export const HEALTH = {
  summary: 'Whether it answers, and from which snapshot',
  tags: ['operation'],
  security: [],
  response: {
    200: json(
      'It does',
      object({
        status: { const: 'ok' },
        snapshot: SNAPSHOT,
        ageSeconds: AGE,
        problem: {
          type: ['string', 'null'],
          description: 'Why the newest snapshot isn’t in use; the one in use keeps answering',
        },
      }),
    ),
  },
};

export const METRICS = {
  summary: 'For Prometheus',
  tags: ['operation'],
  security: [],
  response: { 200: { description: 'Metrics', content: { 'text/plain': { schema: { type: 'string' } } } } },
};

const NAME = { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$' };

const LIMITS = {
  tables: {
    type: 'array',
    minItems: 1,
    items: { type: 'string', minLength: 1, maxLength: 256 },
    description: 'Names of tables that it reads; * stands for any characters. Default: all',
    examples: [['fct_*', 'dim_*']],
  },
  maxRows: { type: 'integer', minimum: 1, description: 'Rows of an answer' },
  maxBytes: { type: 'integer', minimum: 1, description: 'Bytes of an answer' },
  timeoutMs: { type: 'integer', minimum: 1, description: 'Milliseconds of a query' },
  concurrency: { type: 'integer', minimum: 1, description: 'Queries at once' },
  memory: {
    type: 'string',
    pattern: '^[1-9][0-9]*(KB|MB|GB|KiB|MiB|GiB)$',
    description: 'Memory of an engine of its own for its queries',
    examples: ['128MB'],
  },
  expiresAt: { type: 'string', format: 'date-time' },
};

export const LIST_TOKENS = {
  summary: 'The tokens that were made, without themselves',
  tags: ['tokens'],
  response: {
    200: json(
      'The tokens',
      object({
        tokens: {
          type: 'array',
          items: object(
            { name: NAME, createdAt: { type: 'string', format: 'date-time' }, ...LIMITS },
            Object.keys(LIMITS),
          ),
        },
      }),
    ),
    ...failed({ ...UNAUTHORIZED, 403: 'This takes the stack’s own token' }),
  },
};

export const MAKE_TOKEN = {
  summary: 'Makes a token with fewer rights',
  tags: ['tokens'],
  body: { additionalProperties: false, ...object({ name: NAME, ...LIMITS }, Object.keys(LIMITS)) },
  response: {
    201: json('The token, which is told only here', object({ name: NAME, token: { type: 'string' } })),
    ...failed({
      400: 'The request is wrong',
      ...UNAUTHORIZED,
      403: 'This takes the stack’s own token',
      409: 'There is one of that name',
    }),
  },
};

export const REMOVE_TOKEN = {
  summary: 'Removes a token: it is refused from then on',
  tags: ['tokens'],
  response: {
    204: { type: 'null', description: 'It is removed' },
    ...failed({ ...UNAUTHORIZED, 403: 'This takes the stack’s own token', 404: 'There is no such token' }),
  },
};

export const USAGE = {
  summary: 'How often each token has asked which query on a day',
  tags: ['tokens'],
  querystring: object({
    day: {
      type: 'string',
      format: 'date',
      description: 'UTC; the last eight are kept',
      examples: ['2026-11-28'],
    },
  }),
  response: {
    200: json(
      'The queries that were answered',
      object({
        day: { type: 'string' },
        queries: {
          type: 'array',
          items: object({ token: NAME, sql: { type: 'string' }, count: { type: 'integer' } }),
        },
      }),
    ),
    ...failed({ 400: 'The request is wrong', ...UNAUTHORIZED, 403: 'This takes the stack’s own token' }),
  },
};

export const MOSAIC = {
  summary: 'Mosaic’s protocol, also as a WebSocket',
  description:
    'What Mosaic’s REST and socket connectors send. `exec` makes and drops temporary objects only. The token also as `?token=`.',
  tags: ['mosaic'],
  querystring: { type: 'object', properties: { token: { type: 'string' } } },
  body: {
    type: 'object',
    required: ['type', 'sql'],
    properties: { type: { enum: ['arrow', 'json', 'exec'] }, sql: { type: 'string', minLength: 1 } },
  },
  response: {
    200: {
      description: 'An Arrow stream, a list of objects, or nothing',
      content: {
        'application/vnd.apache.arrow.stream': { schema: { type: 'string' } },
        'application/json': { schema: { type: 'array', items: { type: 'object' } } },
        'text/plain': { schema: { type: 'string' } },
      },
    },
    ...failed({
      400: 'The SQL or the request is wrong',
      ...UNAUTHORIZED,
      403: 'The SQL does what may not be done here',
      408: 'The query took too long',
      413: 'The query or its answer is too large',
      429: 'Too many queries wait, or too many clients have temporary objects',
    }),
  },
};
