import type { RegistryEntry } from '@stack/model';

/** What the registry has of a service, for collectors' specs. */
export const registryEntry = (unit: string, told: Partial<RegistryEntry> = {}): RegistryEntry => ({
  unit,
  kind: 'service',
  layer: 'service',
  summary: unit,
  hash: '',
  deployedAt: '',
  root: unit,
  dependsOn: [],
  ports: {},
  processes: [],
  collects: false,
  ...told,
});
