/** Terraform, run by execa: its machine-readable output as progress, its failures as errors that say what to do. */
import { mkdirSync } from 'node:fs';
import * as path from 'node:path';
import { StackError } from '@stack/model';
import type { Resources } from './cost';
import { explain } from './diagnostics';

/** Write-only values and the lock file in S3 need it. */
const OLDEST = [1, 11] as const;

export type Action = 'create' | 'update' | 'delete' | 'replace' | 'read' | 'no-op';

/** One thing that a plan changes. */
export interface Change {
  readonly address: string;
  readonly action: Action;
}

export interface Plan {
  /** Empty: nothing to do. */
  readonly changes: readonly Change[];
  /** Outputs that will differ. */
  readonly outputs: number;
  /** What there is, and what there will be: type → name → attributes. */
  readonly before?: Resources;
  readonly after?: Resources;
}

interface Event {
  readonly type?: string;
  readonly '@level'?: string;
  readonly '@message'?: string;
  readonly diagnostic?: { readonly severity: string; readonly summary: string; readonly detail?: string };
  readonly hook?: {
    readonly resource?: { readonly addr: string };
    readonly action?: string;
    readonly elapsed_seconds?: number;
  };
}

interface Values {
  readonly values?: {
    readonly root_module?: {
      readonly resources?: readonly { type: string; name: string; values: Resources[string][string] }[];
    };
  };
}

interface ResourceChange {
  readonly address: string;
  readonly change: {
    readonly actions: readonly string[];
    readonly before?: Readonly<Record<string, unknown>> | null;
    readonly after?: Readonly<Record<string, unknown>> | null;
  };
}

export interface PlanJson {
  readonly configuration?: {
    readonly root_module?: {
      readonly resources?: readonly {
        readonly address: string;
        readonly expressions?: Readonly<Record<string, unknown>>;
      }[];
    };
  };
  readonly prior_state?: Values;
  readonly planned_values?: Values['values'];
  readonly resource_changes?: readonly ResourceChange[];
  readonly resource_drift?: readonly ResourceChange[];
  readonly output_changes?: Readonly<Record<string, { readonly actions: readonly string[] }>>;
}

type Say = (message: string) => void;

export interface TerraformOptions {
  /** Where Terraform works; it has the unit's files. */
  readonly folder: string;
  readonly plugins: string;
  readonly variables?: Readonly<Record<string, string>>;
  readonly say?: Say;
}

/** Providers are fetched into one folder for all, which two Terraforms may not write at once. */
let initialising: Promise<unknown> = Promise.resolve();

export class Terraform {
  constructor(private readonly options: TerraformOptions) {}

  /**
   * @throws StackError when there is no Terraform, or one too old
   */
  static async version(): Promise<string> {
    const { execa } = await import('execa');
    const result = await execa('terraform', ['version', '-json'], { reject: false, env: QUIET });
    if (result.failed)
      throw new StackError(
        'NO_TERRAFORM',
        'terraform is needed, and there is none on PATH',
        'install it: https://developer.hashicorp.com/terraform/install (or brew install hashicorp/tap/terraform)',
      );
    const { terraform_version: version } = JSON.parse(result.stdout) as { terraform_version: string };
    const [major, minor] = version.split('.').map(Number);
    if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]))
      throw new StackError(
        'TERRAFORM_TOO_OLD',
        `terraform ${version} is too old: ${OLDEST.join('.')} or newer is needed`,
        'update it: https://developer.hashicorp.com/terraform/install',
      );
    return version;
  }

  /** Prepares the folder: providers, backend. */
  async init(): Promise<void> {
    mkdirSync(this.options.plugins, { recursive: true });
    const turn = initialising.then(() => this.run(['init', '-input=false', '-reconfigure']));
    initialising = turn.catch(() => undefined);
    await turn;
  }

  async validate(): Promise<void> {
    await this.run(['validate', '-json'], { json: 'whole' });
  }

  /** Plans into the file `plan`, which `apply` carries out. */
  async plan({ destroy = false } = {}): Promise<Plan> {
    await this.run(
      ['plan', '-input=false', '-json', '-out=plan', ...(destroy ? ['-destroy'] : []), ...this.variables()],
      {
        json: 'lines',
      },
    );
    return this.readPlan();
  }

  private async readPlan(): Promise<Plan> {
    const json = JSON.parse(await this.run(['show', '-json', 'plan'])) as PlanJson;
    return {
      changes: changesOf(json.resource_changes),
      before: resourcesOf(json.prior_state?.values),
      after: resourcesOf(json.planned_values),
      outputs: Object.values(json.output_changes ?? {}).filter(({ actions }) => actionOf(actions) !== 'no-op')
        .length,
    };
  }

  /** Carries the planned out. */
  async apply(): Promise<void> {
    await this.run(['apply', '-input=false', '-json', 'plan'], { json: 'lines' });
  }

  /** What differs in the cloud from what the state says, changed by hand. */
  async drift(): Promise<readonly Change[]> {
    await this.run(['plan', '-refresh-only', '-input=false', '-json', '-out=plan', ...this.variables()], {
      json: 'lines',
    });
    const json = JSON.parse(await this.run(['show', '-json', 'plan'])) as PlanJson;
    return driftIn(json);
  }

  /** The state as Terraform keeps it; undefined when there is none. */
  async state(): Promise<State | undefined> {
    const text = await this.run(['state', 'pull']);
    const state = text.trim() ? (JSON.parse(text) as State) : undefined;
    // Where there is none, some backends give an empty one.
    return state?.lineage ? state : undefined;
  }

  /** Writes a state as it is, its serial and lineage included; refused when a newer or another one is there. */
  async pushState(state: State, { force = false } = {}): Promise<void> {
    await this.run(['state', 'push', ...(force ? ['-force'] : []), '-'], { input: JSON.stringify(state) });
  }

  async outputs(): Promise<Record<string, unknown>> {
    const json = JSON.parse(await this.run(['output', '-json'])) as Record<string, { value: unknown }>;
    return Object.fromEntries(Object.entries(json).map(([name, { value }]) => [name, value]));
  }

  async unlock(id: string): Promise<void> {
    await this.run(['force-unlock', '-force', id]);
  }

  private variables(): string[] {
    return Object.entries(this.options.variables ?? {}).map(([name, value]) => `-var=${name}=${value}`);
  }

  private async run(
    args: readonly string[],
    { json, input }: { json?: 'lines' | 'whole'; input?: string } = {},
  ): Promise<string> {
    const { folder, plugins, say } = this.options;
    const { execa } = await import('execa');
    const messages: string[] = [];
    const child = execa('terraform', args, {
      cwd: folder,
      env: { ...QUIET, TF_PLUGIN_CACHE_DIR: plugins },
      reject: false,
      input: input ?? '',
      // Terraform ends what it has begun when it is told to stop, and gives the lock back; it mustn't be killed at once.
      cleanup: true,
      forceKillAfterDelay: 600_000,
    });
    let text = '';
    let rest = '';
    child.stdout.on('data', (chunk: Buffer) => {
      const piece = chunk.toString();
      if (json !== 'lines') {
        text += piece;
        return;
      }
      const lines = (rest + piece).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.event(line, messages, say);
    });
    const result = await child;
    if (!result.failed) return text;
    if (json === 'whole') collectDiagnostics(text, messages);
    throw explain(args[0], [...messages, String(result.stderr)], path.basename(folder));
  }

  private event(line: string, messages: string[], say?: Say): void {
    let event: Event;
    try {
      event = JSON.parse(line) as Event;
    } catch {
      messages.push(line);
      return;
    }
    const { diagnostic, hook } = event;
    if (diagnostic?.severity === 'error')
      messages.push([diagnostic.summary, diagnostic.detail].filter(Boolean).join('\n'));
    if (event.type === 'apply_complete')
      say?.(`${DONE[hook?.action ?? ''] ?? 'done'} ${hook?.resource?.addr}`);
  }
}

const DONE: Record<string, string> = { create: 'made', update: 'changed', delete: 'deleted' };

export interface State {
  readonly serial: number;
  readonly lineage: string;
  readonly resources?: readonly {
    readonly type: string;
    readonly name: string;
    readonly mode: string;
    readonly instances?: readonly { readonly attributes?: Readonly<Record<string, unknown>> }[];
  }[];
}

/** No colours, no questions, no news of versions, no hints for people; credentials and proxies as they are. */
const QUIET = {
  TF_IN_AUTOMATION: '1',
  TF_INPUT: '0',
  CHECKPOINT_DISABLE: '1',
  TF_CLI_ARGS: '-no-color',
  TF_CLI_ARGS_show: '',
  TF_CLI_ARGS_state: '',
  TF_CLI_ARGS_output: '',
  TF_CLI_ARGS_version: '',
};

function collectDiagnostics(text: string, messages: string[]): void {
  const { diagnostics = [] } = JSON.parse(text) as {
    diagnostics?: readonly NonNullable<Event['diagnostic']>[];
  };
  for (const { severity, summary, detail } of diagnostics)
    if (severity === 'error') messages.push([summary, detail].filter(Boolean).join('\n'));
}

/**
 * What was changed by hand. What the provider itself adds to a resource (defaults, what another resource of ours wrote into it) isn't:
 * only what the definition says counts.
 */
export function driftIn({ configuration, resource_drift = [] }: PlanJson): Change[] {
  const defined = new Map(
    configuration?.root_module?.resources?.map(({ address, expressions = {} }) => [
      address,
      Object.keys(expressions),
    ]),
  );
  const differs = ({ address, change: { actions, before, after } }: ResourceChange) =>
    actions.includes('delete') ||
    (defined.get(address.replace(/\[.*\]$/, '')) ?? []).some(
      (key) => JSON.stringify(before?.[key]) !== JSON.stringify(after?.[key]),
    );
  return changesOf(resource_drift.filter(differs));
}

function changesOf(list: PlanJson['resource_changes'] = []): Change[] {
  return list
    .map(({ address, change }) => ({ address, action: actionOf(change.actions) }))
    .filter(({ action }) => action !== 'no-op' && action !== 'read');
}

function resourcesOf(values: Values['values']): Resources {
  const resources: Record<string, Record<string, Resources[string][string]>> = {};
  for (const { type, name, values: attributes } of values?.root_module?.resources ?? [])
    (resources[type] ??= {})[name] = attributes;
  return resources;
}

function actionOf(actions: readonly string[]): Action {
  if (actions.includes('create') && actions.includes('delete')) return 'replace';
  return (actions[0] ?? 'no-op') as Action;
}
