/** The Airbyte protocol: what goes between us and a connector, a JSON object a line. */

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };
export type Configuration = JsonObject;

/** A JSON schema as far as it is read here. */
export interface Schema {
  type?: string | string[];
  format?: string;
  airbyte_type?: string;
  airbyte_secret?: boolean;
  properties?: Record<string, Schema>;
  items?: Schema | Schema[];
  oneOf?: Schema[];
  anyOf?: Schema[];
  allOf?: Schema[];
  [key: string]: unknown;
}

export interface Specification {
  connectionSpecification: Schema;
  documentationUrl?: string;
}

export type SourceMode = 'full_refresh' | 'incremental';
export type DestinationMode = 'overwrite' | 'append' | 'append_dedup' | 'overwrite_dedup';

/** A stream as discover answers it. */
export interface DiscoveredStream {
  name: string;
  namespace?: string | null;
  json_schema: Schema;
  supported_sync_modes?: SourceMode[];
  source_defined_cursor?: boolean;
  default_cursor_field?: string[];
  source_defined_primary_key?: string[][];
}

/** A stream that a connection syncs. */
export interface SelectedStream {
  stream: DiscoveredStream;
  mode: SourceMode;
  destinationMode: DestinationMode;
  cursorField: string[];
  primaryKey: string[][];
  /** Properties to load; all of them when absent. */
  selectedFields?: string[];
}

export interface StreamName {
  name: string;
  namespace?: string | null;
}

export interface State {
  type?: 'STREAM' | 'GLOBAL' | 'LEGACY';
  stream?: { stream_descriptor: StreamName; stream_state?: Json };
  global?: JsonObject;
  data?: Json;
}

export type Message =
  | {
      type: 'RECORD';
      record: { stream: string; namespace?: string | null; data: JsonObject; emitted_at: number };
    }
  | { type: 'STATE'; state: State }
  | { type: 'LOG'; log: { level: string; message: string; stack_trace?: string } }
  | { type: 'TRACE'; trace: Trace }
  | { type: 'SPEC'; spec: Specification }
  | { type: 'CONNECTION_STATUS'; connectionStatus: { status: 'SUCCEEDED' | 'FAILED'; message?: string } }
  | { type: 'CATALOG'; catalog: { streams: DiscoveredStream[] } }
  | { type: 'CONTROL'; control: { type: string; connectorConfig?: { config: Configuration } } };

export interface Trace {
  type: 'ERROR' | 'ESTIMATE' | 'STREAM_STATUS' | 'ANALYTICS';
  error?: {
    message: string;
    internal_message?: string;
    stack_trace?: string;
    failure_type?: 'system_error' | 'config_error' | 'transient_error';
    stream_descriptor?: StreamName;
  };
  stream_status?: { stream_descriptor: StreamName; status: string };
}

/** Which part of a message has to be an object, for it to be one. */
const BODY: Record<Message['type'], string> = {
  RECORD: 'record',
  STATE: 'state',
  LOG: 'log',
  TRACE: 'trace',
  SPEC: 'spec',
  CONNECTION_STATUS: 'connectionStatus',
  CATALOG: 'catalog',
  CONTROL: 'control',
};

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Reads one line; undefined when it is no message of the protocol. */
export function parseMessage(line: string): Message | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (!isObject(value)) return undefined;
  const body = BODY[value.type as Message['type']];
  const content = body === undefined ? undefined : value[body];
  if (!isObject(content)) return undefined;
  if (value.type === 'RECORD' && !(typeof content.stream === 'string' && isObject(content.data)))
    return undefined;
  return value as unknown as Message;
}

/** A stream's name with its namespace, for maps and messages. */
export const streamKey = ({ name, namespace }: StreamName): string =>
  namespace ? `${namespace}.${name}` : name;
