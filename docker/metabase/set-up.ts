/** Metabase by its API: its administrator, the marts as a database, and a first dashboard. */
import { type PlanContext, StackError } from '@stack/model';
import { postgres } from '@stack/postgres';

/** Who logs in; the password is the secret `admin`. */
export const ADMIN = 'admin@stack.localhost';

const MARTS = 'Marts';
const DASHBOARD = 'Flights';

interface Named {
  readonly id: number;
  readonly name: string;
}

interface Question {
  readonly name: string;
  readonly display: 'bar' | 'line';
  readonly query: string;
  readonly dimension: string;
  readonly metric: string;
}

export const QUESTIONS: readonly Question[] = [
  {
    name: 'Arrival delay by carrier (minutes)',
    display: 'bar',
    query:
      'select carrier_name, avg_arr_delay_min from marts.mart_delay_by_carrier order by avg_arr_delay_min desc',
    dimension: 'carrier_name',
    metric: 'avg_arr_delay_min',
  },
  {
    name: 'Arrival delay by hour of departure (minutes)',
    display: 'line',
    query: 'select sched_dep_hour, avg_arr_delay_min from marts.mart_delay_by_hour order by sched_dep_hour',
    dimension: 'sched_dep_hour',
    metric: 'avg_arr_delay_min',
  },
];

/** Makes what is missing, by name; what the user has changed in it stays. */
export async function setUp(context: PlanContext): Promise<void> {
  const api = new Api(`http://127.0.0.1:${context.port('http')}`);
  await api.enter(context.secret('admin'));
  const database = await ensureMarts(api, context);
  await ensureDashboard(api, database);
}

interface Session {
  readonly id: string;
}

class Api {
  private session?: string;

  constructor(private readonly url: string) {}

  /** Logs in; on a new Metabase, makes the account first. */
  async enter(password: string): Promise<void> {
    const { 'has-user-setup': known, 'setup-token': token } = await this.call<{
      readonly 'has-user-setup': boolean;
      readonly 'setup-token': string | null;
    }>('GET', 'session/properties');
    const { id } = await (known
      ? this.call<Session>('POST', 'session', { username: ADMIN, password })
      : this.call<Session>('POST', 'setup', {
          token,
          user: { first_name: 'Stack', last_name: 'Admin', email: ADMIN, password, site_name: 'Stack' },
          prefs: { site_name: 'Stack', site_locale: 'en', allow_tracking: false },
        }));
    this.session = id;
  }

  /** @throws StackError with what Metabase says */
  async call<T>(method: string, path: string, body?: object): Promise<T> {
    const answer = await fetch(`${this.url}/api/${path}`, {
      method,
      headers: {
        'content-type': 'application/json',
        ...(this.session && { 'x-metabase-session': this.session }),
      },
      body: body && JSON.stringify(body),
    });
    const text = await answer.text();
    if (answer.ok) return JSON.parse(text) as T;
    throw new StackError(
      'NOT_SET_UP',
      `metabase can't be set up: ${method} /api/${path} answers ${answer.status}`,
      path === 'session'
        ? `the password of ${ADMIN} was changed: log in, and set it to what \`make -s secret s=metabase k=admin\` prints`
        : 'make logs s=metabase',
      [text.slice(0, 500)],
    );
  }
}

async function ensureMarts(api: Api, context: PlanContext): Promise<number> {
  const { data } = await api.call<{ readonly data: readonly Named[] }>('GET', 'database');
  const found = data.find(({ name }) => name === MARTS);
  const database = {
    engine: 'postgres',
    name: MARTS,
    details: {
      host: context.inside(postgres.host('sql')),
      port: Number(context.inside(postgres.port('sql'))),
      dbname: 'marts',
      user: 'reader',
      password: context.resolve(postgres.secret('reader')),
      ssl: false,
    },
  };
  const { id } = await (found
    ? api.call<Named>('PUT', `database/${found.id}`, database)
    : api.call<Named>('POST', 'database', database));
  return id;
}

async function ensureDashboard(api: Api, database: number): Promise<void> {
  const dashboards = await api.call<readonly Named[]>('GET', 'dashboard');
  if (dashboards.some(({ name }) => name === DASHBOARD)) return;
  const cards: number[] = [];
  for (const question of QUESTIONS) cards.push(await ensureQuestion(api, database, question));
  const { id } = await api.call<Named>('POST', 'dashboard', { name: DASHBOARD });
  await api.call('PUT', `dashboard/${id}`, {
    dashcards: cards.map((card, i) => ({
      // New ones have negative ids, which Metabase replaces.
      id: -1 - i,
      card_id: card,
      row: 0,
      col: i * 12,
      size_x: 12,
      size_y: 8,
    })),
  });
}

async function ensureQuestion(api: Api, database: number, question: Question): Promise<number> {
  const cards = await api.call<readonly Named[]>('GET', 'card');
  const found = cards.find(({ name }) => name === question.name);
  if (found) return found.id;
  const { id } = await api.call<Named>('POST', 'card', {
    name: question.name,
    display: question.display,
    dataset_query: { type: 'native', database, native: { query: question.query } },
    visualization_settings: {
      'graph.dimensions': [question.dimension],
      'graph.metrics': [question.metric],
    },
  });
  return id;
}
