/**
 * The part of Metabase's API that set-up.ts uses, as its documentation has it, for tests: Metabase itself is only to be had as an
 * image. What it is sent has to be right: wrong tokens, passwords and bodies are refused.
 */
const { randomUUID } = require('node:crypto');

/** @returns a listener for node:http's server */
module.exports = function metabase() {
  const token = randomUUID();
  const sessions = new Set();
  const made = { database: [], card: [], dashboard: [] };
  let user;

  const open = () => {
    const id = randomUUID();
    sessions.add(id);
    return { id };
  };
  const needs = (body, fields) => {
    const missing = fields.filter((field) => body[field] === undefined || body[field] === '');
    if (missing.length > 0)
      throw refused(400, {
        errors: Object.fromEntries(missing.map((field) => [field, 'value must be given'])),
      });
  };

  const routes = {
    'GET session/properties': () => ({ 'has-user-setup': !!user, 'setup-token': user ? null : token }),
    'POST setup': ({ body }) => {
      if (user) throw refused(403, 'The /api/setup route can only be used to create the first user');
      if (body.token !== token)
        throw refused(400, { errors: { token: 'Token does not match the setup token.' } });
      needs(body.user, ['email', 'password']);
      needs(body.prefs, ['site_name']);
      user = body.user;
      return open();
    },
    'POST session': ({ body }) => {
      if (body.username !== user?.email || body.password !== user?.password)
        throw refused(401, { errors: { password: 'did not match stored password' } });
      return open();
    },
    'GET database': () => ({ data: made.database, total: made.database.length }),
    'GET card': () => made.card,
    'GET dashboard': () => made.dashboard,
    'POST database': ({ body }) => make('database', body, ['name', 'engine', 'details']),
    'POST card': ({ body }) => {
      needs(body.dataset_query ?? {}, ['type', 'database']);
      return make('card', body, ['name', 'display', 'visualization_settings']);
    },
    'POST dashboard': ({ body }) => make('dashboard', body, ['name']),
    'PUT database': change('database'),
    'PUT dashboard': ({ id, body }) => {
      for (const card of body.dashcards ?? [])
        needs(card, ['id', 'card_id', 'row', 'col', 'size_x', 'size_y']);
      return change('dashboard')({ id, body });
    },
  };

  function make(kind, body, fields) {
    needs(body, fields);
    const one = { ...body, id: made[kind].length + 1 };
    made[kind].push(one);
    return one;
  }

  function change(kind) {
    return ({ id, body }) => {
      const one = made[kind].find((other) => other.id === id);
      if (!one) throw refused(404, 'Not found.');
      return Object.assign(one, body);
    };
  }

  return async (request, response) => {
    const [, path, id] = /^\/api\/([a-z/]+?)(?:\/(\d+))?$/.exec(request.url) ?? [];
    const answer = (status, body) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    if (path === 'health') return answer(200, { status: 'ok' });
    const route = routes[`${request.method} ${path}`];
    if (!route) return answer(404, 'API endpoint does not exist.');
    const isOpen = path === 'setup' || path.startsWith('session');
    if (!isOpen && !sessions.has(request.headers['x-metabase-session']))
      return answer(401, 'Unauthenticated');
    let text = '';
    for await (const chunk of request) text += chunk;
    try {
      answer(200, route({ id: Number(id), body: text && JSON.parse(text) }));
    } catch (error) {
      answer(error.status ?? 500, error.body ?? String(error));
    }
  };
};

const refused = (status, body) => Object.assign(new Error('refused'), { status, body });
