/** What is asked of a connector outside of a sync: its specification, whether it can connect, its streams. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import * as path from 'node:path';
import { RequestError } from '@stack/http-server';
import Ajv, { type ValidateFunction } from 'ajv8';
import { SyncError, messageOf } from '../errors';
import { JobLog, secretsIn } from '../sync/log';
import type { Connector, Connectors } from './installed';
import type { Configuration, DiscoveredStream, Message, Specification } from './protocol';
import { runConnector } from './run';

/** How long a connector may take to answer, in milliseconds. */
const PATIENCE = 300_000;

export class Asking {
  private readonly specs = new Map<string, Promise<{ spec: Specification; validate: ValidateFunction }>>();
  private readonly ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false, logger: false });

  constructor(
    readonly connectors: Connectors,
    private readonly folder: string,
    private readonly lineLimit: number,
  ) {}

  /** @throws RequestError when it isn't installed */
  async connector(name: string): Promise<Connector> {
    const found = await this.connectors.find(name);
    if (found) return found;
    const names = await this.connectors.names();
    throw new RequestError(
      400,
      'unknown_connector',
      `the connector ${name} isn't installed; installed: ${names.join(', ') || 'none'}`,
      { remedy: `make connector add=${name}` },
    );
  }

  async spec(name: string): Promise<Specification> {
    return (await this.known(name)).spec;
  }

  /** @throws RequestError saying what in the configuration isn't as the connector wants it */
  async validate(name: string, configuration: Configuration): Promise<void> {
    const { validate, spec } = await this.known(name);
    if (validate(configuration)) return;
    const problems = (validate.errors ?? []).map(
      ({ instancePath, message }) => `configuration${instancePath.replaceAll('/', '.')} ${message}`,
    );
    throw new RequestError(400, 'invalid_configuration', `${name}: ${problems.join('; ')}`, {
      remedy: spec.documentationUrl ? `see ${spec.documentationUrl}` : "see the connector's documentation",
    });
  }

  /** Whether it can reach what it reads; the reason when it can't. */
  async check(name: string, configuration: Configuration): Promise<{ ok: boolean; message?: string }> {
    const connector = await this.connector(name);
    let answer = { ok: false, message: 'it gave no answer' as string | undefined };
    const take = (message: Message): void => {
      if (message.type !== 'CONNECTION_STATUS') return;
      const { status, message: text } = message.connectionStatus;
      answer = { ok: status === 'SUCCEEDED', message: text };
    };
    try {
      await this.ask(connector, 'check', configuration, take);
    } catch (error) {
      return { ok: false, message: messageOf(error) };
    }
    return answer;
  }

  /** Its streams. @throws SyncError with the connector's reason */
  async discover(name: string, configuration: Configuration): Promise<DiscoveredStream[]> {
    const connector = await this.connector(name);
    let streams: DiscoveredStream[] | undefined;
    await this.ask(connector, 'discover', configuration, (message) => {
      if (message.type === 'CATALOG') streams = message.catalog.streams;
    });
    if (!streams) throw new SyncError(`${name} named no streams`);
    return streams;
  }

  private async known(name: string): Promise<{ spec: Specification; validate: ValidateFunction }> {
    const connector = await this.connector(name);
    const key = `${name} ${connector.key}`;
    let known = this.specs.get(key);
    if (!known) {
      known = this.fetchSpec(connector);
      this.specs.set(key, known);
      known.catch(() => this.specs.delete(key));
    }
    return known;
  }

  private async fetchSpec(
    connector: Connector,
  ): Promise<{ spec: Specification; validate: ValidateFunction }> {
    let spec = connector.spec ? (JSON.parse(connector.spec) as Specification) : undefined;
    if (!spec)
      await this.ask(connector, 'spec', undefined, (message) => {
        if (message.type === 'SPEC') spec = message.spec;
      });
    if (!spec) throw new SyncError(`${connector.name} gave no specification`);
    // Which draft its author wrote down doesn't matter for what these schemas use.
    const { $schema: _, ...schema } = spec.connectionSpecification;
    return { spec, validate: this.ajv.compile(schema) };
  }

  private async ask(
    connector: Connector,
    command: 'spec' | 'check' | 'discover',
    configuration: Configuration | undefined,
    onMessage: (message: Message) => void,
  ): Promise<void> {
    const cwd = await mkdtemp(path.join(this.folder, `${command}-`));
    try {
      const args: string[] = [command];
      let secrets: string[] = [];
      if (configuration) {
        const file = path.join(cwd, 'config.json');
        await writeFile(file, JSON.stringify(configuration), { mode: 0o600 });
        args.push('--config', file);
        secrets = secretsIn(configuration, (await this.spec(connector.name)).connectionSpecification);
      }
      const log = new JobLog(undefined, secrets);
      const signal = AbortSignal.timeout(PATIENCE);
      await runConnector({ connector, args, cwd, log, lineLimit: this.lineLimit, signal, onMessage });
    } finally {
      await rm(cwd, { recursive: true, force: true });
    }
  }
}
