import { StackError } from './errors';

/** Groups of services that not everybody needs, with what each is for. */
export const PROFILES = {
  airbyte: 'Airbyte itself, beside our ingestion',
  datahub: 'DataHub: catalogue and lineage',
  observability: 'Prometheus, Grafana and alerts',
  streaming: 'Kafka and Materialize',
} as const;

export type Profile = keyof typeof PROFILES;

/**
 * The profiles that the environment variable PROFILES names, with commas between them.
 * @throws StackError for one that there isn't
 */
export function profilesIn(names: string): string[] {
  const list = names
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean);
  const unknown = list.find((name) => !(name in PROFILES));
  if (unknown)
    throw new StackError(
      'BAD_ARGUMENT',
      `PROFILES: there is no profile ${unknown}`,
      `choose among ${Object.keys(PROFILES).join(', ')}`,
    );
  return list;
}
