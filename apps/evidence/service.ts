import { defineService, httpReady, nodeProgram } from '@stack/model';
import { lakeReader } from '@stack/s3';

export const evidence = defineService({
  name: 'evidence',
  summary: 'Evidence: dashboards of the published data',
  ports: { http: { number: 3001, protocol: 'http' } },
  volumes: { snapshots: '/snapshots' },
  env: lakeReader,
  ready: httpReady('http', '/health'),
  native: {
    plan: async (context) =>
      nodeProgram(context, {
        env: {
          HOST: '127.0.0.1',
          PORT: String(context.port('http')),
          SNAPSHOT_DIR: context.volume('snapshots'),
        },
        // The built site: its pages' names carry the digest of their content.
        sources: [`${context.dist}-site/site/index.html`, `${context.dist}-site/sources`],
      }),
  },
  docker: { image: 'stack/evidence:dev' },
  route: { port: 'http' },
  memory: '512Mi',
});
