import { type PlanContext, StackError, defineModule } from '@stack/model';

const PORT = 8001;

/**
 * Airbyte's own way of hosting it oneself isn't containers any more: `abctl` makes a Kubernetes cluster (kind) inside of Docker and
 * installs its Helm chart there. So it is no service here: the deploy drives abctl, and Airbyte's data are its cluster's.
 */
export const airbyte = defineModule({
  name: 'airbyte',
  summary: 'Airbyte itself, by abctl: a cluster of its own in Docker',
  profiles: ['airbyte'],
  native: {
    outputs: { url: `http://127.0.0.1:${PORT}` },
    apply: install,
    destroy: uninstall,
  },
});

async function install(context: PlanContext): Promise<void> {
  const abctl = find(context);
  context.progress('installing Airbyte: some 10 minutes the first time');
  await context.run(
    abctl,
    ['local', 'install', '--port', String(PORT), '--low-resource-mode', '--no-browser', '--insecure-cookies'],
    { what: 'abctl local install' },
  );
  context.progress(`Airbyte is at http://127.0.0.1:${PORT}; \`abctl local credentials\` prints who logs in`);
}

/** The cluster goes; what Airbyte knew stays in abctl's folder. */
async function uninstall(context: PlanContext): Promise<void> {
  await context.run(find(context), ['local', 'uninstall'], { what: 'abctl local uninstall' });
}

function find(context: PlanContext): string {
  try {
    return context.executable('abctl');
  } catch {
    throw new StackError(
      'NO_ABCTL',
      'airbyte: there is no abctl, by which Airbyte is installed',
      'install it: https://docs.airbyte.com/platform/deploying-airbyte (and Docker); or do without: our ingestion service runs its connectors',
    );
  }
}
