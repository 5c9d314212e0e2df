/** Vite for development: Evidence's configuration, but the data is our program's (dev.mjs), not `evidence sources`'. */
import { rmSync } from 'node:fs';
import evidence from './.evidence/template/vite.config.js';

// What dev.mjs has put there for Evidence's command line would hide the program's.
rmSync('static/data', { recursive: true, force: true });

// Evidence looks for it on the server as well, where no page is rendered.
const { warn } = console;
console.warn = (...message) => String(message[0]).startsWith('No sources found') || warn(...message);

const data = process.env.EVIDENCE_DATA_SERVER;
const port = Number(process.env.EVIDENCE_DEV_PORT ?? 5173);

/** Tells open pages of new data, whether of an edited query or of a new snapshot, in Evidence's own way. */
const followData = {
  name: 'stack:follow-data',
  // Evidence's command line has a port of its own, which only a plugin can overrule.
  config: () => ({
    server: {
      host: '127.0.0.1',
      port,
      proxy: Object.fromEntries(
        ['/data/', '/data-docs', '/data-docs-libraries'].map((path) => [
          path,
          { target: data, changeOrigin: true },
        ]),
      ),
    },
  }),
  configureServer(server) {
    let last;
    const timer = setInterval(async () => {
      const manifest = await fetch(`${data}/data/manifest.json`)
        .then((answer) => answer.text())
        .catch(() => last);
      if (last !== undefined && manifest !== last) {
        server.config.logger.info('new data', { timestamp: true });
        server.hot.send('evidence:reset-queries', { latestManifest: JSON.parse(manifest) });
      }
      last = manifest;
    }, 300);
    server.httpServer?.on('close', () => clearInterval(timer));
  },
};

export default {
  ...evidence,
  // Beside the template, which each start makes anew.
  cacheDir: '../vite',
  plugins: [...evidence.plugins.filter(({ name }) => name !== 'evidence:source-query-hmr'), followData],
};
