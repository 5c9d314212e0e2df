import { join } from 'node:path';
import { listen } from '@stack/http-server';
import { createEvidenceServer } from './server';

// The build lays the site and its source queries beside the folder of this program.
const built = process.env.EVIDENCE_SITE_DIR ?? join(__dirname, '../evidence-site');
// dev.mjs names the folder of the source queries that are being edited.
const edited = process.env.EVIDENCE_EDITED_SOURCES;

createEvidenceServer(join(built, 'site'), edited ?? join(built, 'sources'), process.env, { watch: !!edited })
  .then(({ server, stop }) => listen(server, { onStop: stop }))
  .catch((error: unknown) => {
    console.error(`evidence: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(1);
  });
