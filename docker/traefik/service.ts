import * as path from 'node:path';
import { ecs } from '@stack/ecs';
import {
  type PlanContext,
  type ProcessPlan,
  type RegistryEntry,
  defineService,
  httpReady,
} from '@stack/model';

export const traefik = defineService({
  name: 'traefik',
  summary: 'Traefik: every service at http://<name>.localhost, and a dashboard',
  ports: {
    web: { number: 8080, protocol: 'http' },
    dashboard: { number: 8081, protocol: 'http' },
  },
  // Not /etc/traefik, where Traefik would find the file that it has natively.
  volumes: { config: '/config' },
  ready: httpReady('dashboard', '/ping'),
  native: { plan: planTraefik },
  docker: {
    image: 'traefik:v3.7',
    command: [
      'traefik',
      '--global.checknewversion=false',
      '--global.sendanonymoususage=false',
      '--entrypoints.web.address=:8080',
      '--entrypoints.traefik.address=:8081',
      '--api.dashboard=true',
      '--api.insecure=true',
      '--ping=true',
      '--metrics.prometheus=true',
      '--log.level=WARN',
      '--log.format=json',
      '--providers.providersthrottleduration=50ms',
      '--providers.file.directory=/config/routes',
      '--providers.file.watch=true',
    ],
    health: () => ['traefik', 'healthcheck', '--ping=true', '--entrypoints.traefik.address=:8081'],
    user: '65532:65532',
  },
  aws: { none: 'the load balancer has its part', playedBy: ecs },
  route: { port: 'dashboard', path: '/dashboard/' },
  memory: '128Mi',
  collect: {
    into: 'config',
    files: (registry) => ({ 'routes/services.yml': JSON.stringify(routes(registry), null, 2) }),
  },
  metrics: { port: 'dashboard' },
});

const routesDir = (context: PlanContext): string => path.join(context.volume('config'), 'routes');

/** Traefik's dynamic configuration: a router by host name and a backend for each service with a route. (JSON is YAML.) */
export function routes(registry: readonly RegistryEntry[]): object {
  const routed = registry.flatMap(({ unit, route }) => (route ? [{ unit, ...route }] : []));
  if (routed.length === 0) return {};
  return {
    http: {
      routers: Object.fromEntries(
        routed.map(({ unit, host }) => [
          unit,
          { rule: `Host(\`${host}\`)`, entryPoints: ['web'], service: unit },
        ]),
      ),
      services: Object.fromEntries(
        routed.map(({ unit, target }) => [unit, { loadBalancer: { servers: [{ url: target }] } }]),
      ),
    },
  };
}

async function planTraefik(context: PlanContext): Promise<ProcessPlan> {
  const config = context.write(
    path.join(context.volume('config'), 'traefik.yml'),
    JSON.stringify(
      {
        global: { checkNewVersion: false, sendAnonymousUsage: false },
        entryPoints: {
          web: { address: `127.0.0.1:${context.port('web')}` },
          traefik: { address: `127.0.0.1:${context.port('dashboard')}` },
        },
        api: { dashboard: true, insecure: true },
        ping: {},
        metrics: { prometheus: {} },
        log: { level: 'WARN', format: 'json' },
        // Two seconds by default: a new service's page would be missing for as long.
        providers: {
          providersThrottleDuration: '50ms',
          file: { directory: routesDir(context), watch: true },
        },
      },
      null,
      2,
    ),
  );
  // The folder has to be there when Traefik begins to watch it; the collector fills it.
  context.write(path.join(routesDir(context), '.keep'), '');
  return { command: context.executable('traefik'), args: [`--configFile=${config}`], sources: [config] };
}
