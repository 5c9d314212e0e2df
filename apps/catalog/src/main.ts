import { listen } from '@stack/http-server';
import { createCatalog } from './server';

createCatalog()
  .then(({ server, stop }) => listen(server, { onStop: stop }))
  .catch((error: unknown) => {
    console.error(`catalog: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(1);
  });
