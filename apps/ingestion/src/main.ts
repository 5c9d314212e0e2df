import { listen } from '@stack/http-server';
import { createIngestion } from './server';

createIngestion()
  .then(({ server, stop }) => listen(server, { onStop: stop }))
  .catch((error: unknown) => {
    console.error(`ingestion: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(1);
  });
