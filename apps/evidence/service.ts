import { fargate } from '@stack/ecs';
import { defineService, httpReady, nodeHealth, nodeProgram, own, stack } from '@stack/model';
import { lakeReader } from '@stack/s3';

export const evidence = defineService({
  name: 'evidence',
  summary: 'Evidence: dashboards of the published data',
  ports: { http: { number: 3001, protocol: 'http' } },
  volumes: { snapshots: '/snapshots' },
  env: {
    ...lakeReader,
    HOST: stack.bind,
    PORT: own.port('http'),
    SNAPSHOT_DIR: own.volume('snapshots'),
  },
  ready: httpReady('http', '/health'),
  native: {
    plan: async (context) =>
      nodeProgram(context, {
        // The built site: its pages' names carry the digest of their content.
        sources: [`${context.dist}-site/site/index.html`, `${context.dist}-site/sources`],
      }),
  },
  docker: {
    image: 'stack/evidence:dev',
    build: { from: 'node', files: { site: 'dist/apps/evidence-site' } },
    env: { EVIDENCE_SITE_DIR: '/app/site', ALLOWED_HOSTS: own.host('http') },
    health: nodeHealth,
  },
  aws: fargate({ ephemeral: ['snapshots'] }),
  route: { port: 'http' },
  memory: '512Mi',
});
