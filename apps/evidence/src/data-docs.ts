import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import { answerNotFound } from '@stack/http-server';
import type { Lake } from '@stack/snapshot';
import type { FastifyInstance } from 'fastify';

/** The pages' libraries and where their packages have them; orchestration/stack_pipeline/quality/docs.py names the same files. */
const LIBRARIES: Record<string, string> = {
  'css/all.min.css': '@fortawesome/fontawesome-free/css/all.min.css',
  'css/bootstrap-datepicker.min.css': 'bootstrap-datepicker/dist/css/bootstrap-datepicker.min.css',
  'css/bootstrap-table.min.css': 'bootstrap-table/dist/bootstrap-table.min.css',
  'css/bootstrap.min.css': 'bootstrap/dist/css/bootstrap.min.css',
  'js/bootstrap-datepicker.min.js': 'bootstrap-datepicker/dist/js/bootstrap-datepicker.min.js',
  'js/bootstrap-table.min.js': 'bootstrap-table/dist/bootstrap-table.min.js',
  'js/bootstrap.min.js': 'bootstrap/dist/js/bootstrap.min.js',
  'js/jquery-3.7.1.min.js': 'jquery/dist/jquery.min.js',
  'js/popper.min.js': 'popper.js/dist/umd/popper.min.js',
};

const NOT_YET = `<!doctype html><meta charset="utf-8"><title>No data docs yet</title>
<p>No data docs yet: they are written by the next run of the pipeline (<code>make pipeline</code>).</p>`;

/** `/data-docs/…`: Great Expectations' data docs as the last run left them in the lake. */
export async function dataDocs(server: FastifyInstance, lake: Lake): Promise<void> {
  server.get('/data-docs', (_request, reply) => reply.redirect('/data-docs/'));
  server.get<{ Params: { '*': string } }>('/data-docs/*', async (request, reply) => {
    const path = request.params['*'] || 'index.html';
    // The lake may take `..` for the folder above, where everything else is.
    if (path.split('/').includes('..')) return answerNotFound(request, reply);
    const object = await lake.object(`data-docs/${path}`);
    void reply.header('cache-control', 'no-store');
    if (object) return reply.type(object.type).send(object.content);
    return path === 'index.html' ? reply.type('text/html').send(NOT_YET) : answerNotFound(request, reply);
  });
  for (const [name, file] of Object.entries(LIBRARIES)) {
    const path = require.resolve(file);
    server.get(`/data-docs-libraries/${name}`, (_request, reply) => reply.sendFile(path, '/'));
  }
  await server.register(fastifyStatic, {
    root: join(require.resolve('@fortawesome/fontawesome-free/css/all.min.css'), '../../webfonts'),
    prefix: '/data-docs-libraries/webfonts/',
    decorateReply: false,
  });
}
