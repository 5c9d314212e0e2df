import { join } from 'node:path';
import { listen } from '@stack/http-server';
import { createEvidenceServer } from './server';

// The build lays the site and its source queries beside the folder of this program.
const built = process.env.EVIDENCE_SITE_DIR ?? join(__dirname, '../evidence-site');

createEvidenceServer(join(built, 'site'), join(built, 'sources'))
  .then(({ server, stop }) => listen(server, { onStop: stop }))
  .catch((error: unknown) => {
    console.error(`evidence: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(1);
  });
