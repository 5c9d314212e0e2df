import type { DiscoveredStream } from '../connectors/protocol';
import type { Connection, Destination } from '../store/objects';
import type { TableName } from '../warehouse/tables';

/** Schema of a destination that names none. */
export const DEFAULT_SCHEMA = 'raw_airbyte';

/** Where a stream's rows go: the destination's schema unless the connection says otherwise, the prefix before its name. */
export function tableOf(
  { settings }: Pick<Connection, 'settings'>,
  destination: Pick<Destination, 'configuration'>,
  stream: Pick<DiscoveredStream, 'name' | 'namespace'>,
): TableName {
  const own = String(destination.configuration.schema || DEFAULT_SCHEMA);
  const format =
    settings.namespaceDefinition === 'source'
      ? '${SOURCE_NAMESPACE}'
      : settings.namespaceDefinition === 'custom_format'
        ? (settings.namespaceFormat ?? '')
        : '';
  const schema = format.replaceAll('${SOURCE_NAMESPACE}', stream.namespace ?? '') || own;
  return { schema, table: `${settings.prefix}${stream.name}` };
}
