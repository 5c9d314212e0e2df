import './threads';
import { listen } from '@stack/http-server';
import { createDuckdbHttp } from './server';

createDuckdbHttp()
  .then(({ server, stop }) => listen(server, { onStop: stop }))
  .catch((error: unknown) => {
    console.error(`duckdb-http: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(1);
  });
