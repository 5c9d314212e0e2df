import {
  type Adapter,
  type Answer,
  type PromptSpec,
  type ResourceSpec,
  type Scope,
  type StackView,
  type Tool,
  type ToolContext,
  ToolError,
} from '@stack/mcp';
import { adapterVariable } from '@stack/model';
import { z } from 'zod';

/** Who calls, and how it hears of what goes on. */
export interface Caller {
  readonly name: string;
  readonly scopes: ReadonlySet<Scope>;
}

export interface Call {
  readonly caller: Caller;
  readonly signal: AbortSignal;
  progress?(done: number, total: number | undefined, message: string): void;
}

/** A tool with what the server adds. */
export interface Offered {
  readonly unit: string;
  readonly tool: Tool;
  readonly scope: Scope;
  readonly input: z.ZodObject;
  /** Its data, and the calls that may come next. */
  readonly output: z.ZodObject;
  /** The same as JSON Schema (draft 2020-12). */
  readonly inputSchema: Record<string, unknown>;
  readonly outputSchema: Record<string, unknown>;
}

/** A resource or a prompt, with the unit that it is of. */
export type Of<T> = T & { readonly unit: string };

const next = z
  .array(
    z.object({
      tool: z.string(),
      arguments: z.record(z.string(), z.unknown()),
      why: z.string(),
    }),
  )
  .optional()
  .describe('calls that may come next');

/** Whether the environment has the unit's values, as the stack gives them of those that are in it. */
export const isHere = (unit: string, env: NodeJS.ProcessEnv): boolean =>
  Object.keys(env).some((name) => name.startsWith(adapterVariable(unit, '')));

/** Everything that assistants have of the stack, whichever way they come. */
export class Toolbox {
  readonly tools: ReadonlyMap<string, Offered>;
  readonly resources: readonly Of<ResourceSpec>[];
  readonly prompts: readonly Of<PromptSpec>[];

  private readonly adapters: Readonly<Record<string, Adapter>>;

  /**
   * @param adapters of the workspace; those of units that aren't here, whose values the environment hasn't got, are left out
   * @throws Error when two adapters have something of the same name
   */
  constructor(
    adapters: Readonly<Record<string, Adapter>>,
    private readonly env: NodeJS.ProcessEnv,
    private readonly stack: StackView,
  ) {
    this.adapters = Object.fromEntries(Object.entries(adapters).filter(([unit]) => isHere(unit, env)));
    const tools = this.each((unit, { tools: own = [] }) => own.map((tool) => offered(unit, tool)));
    this.tools = new Map(unique(tools, ({ tool }) => tool.name).map((one) => [one.tool.name, one]));
    this.resources = unique(
      this.each((unit, { resources = [] }) => resources.map((one) => ({ ...one, unit }))),
      ({ uri }) => uri,
    );
    this.prompts = unique(
      this.each((unit, { prompts = [] }) => prompts.map((one) => ({ ...one, unit }))),
      ({ name }) => name,
    );
  }

  get watches(): readonly { readonly unit: string; readonly watch: NonNullable<Adapter['watch']>[number] }[] {
    return this.each((unit, { watch = [] }) => watch.map((one) => ({ unit, watch: one })));
  }

  /**
   * Calls a tool.
   * @throws ToolError for what the caller did wrong, or the tool can't do
   */
  async call(name: string, input: unknown, call: Call): Promise<Answer<Record<string, unknown>>> {
    const { tool, scope, input: schema, unit } = this.find(name);
    if (!call.caller.scopes.has(scope))
      throw new ToolError(
        'scope_missing',
        `${name} needs the scope \`${scope}\`, which the token ${call.caller.name} doesn't have`,
        `use a token with the scope \`${scope}\``,
      );
    const parsed = schema.safeParse(input ?? {});
    if (!parsed.success) throw invalid(name, parsed.error);
    call.signal.throwIfAborted();
    return tool.run(parsed.data, this.context(unit, call));
  }

  /** @throws ToolError when there is none of that name */
  find(name: string): Offered {
    const found = this.tools.get(name);
    if (found) return found;
    const near = [...this.tools.keys()].filter((one) => one.split('_')[0] === name.split('_')[0]);
    throw new ToolError(
      'unknown_tool',
      `there is no tool ${name.slice(0, 100)}`,
      `choose one of ${(near.length > 0 ? near : [...this.tools.keys()]).join(', ')}`,
    );
  }

  /** What an adapter of the unit may ask of the server. */
  context(unit: string, { signal, progress }: Pick<Call, 'signal' | 'progress'>): ToolContext {
    const prefix = adapterVariable(unit, '');
    const own = Object.entries(this.env).flatMap(([name, value]) =>
      name.startsWith(prefix) && value !== undefined ? [[name.slice(prefix.length), value]] : [],
    );
    return {
      env: Object.fromEntries(own) as Record<string, string>,
      signal,
      progress: (...told) => progress?.(...told),
      stack: this.stack,
    };
  }

  private each<T>(pick: (unit: string, adapter: Adapter) => readonly T[]): T[] {
    return Object.entries(this.adapters).flatMap(([unit, adapter]) => pick(unit, adapter));
  }
}

function offered(unit: string, tool: Tool): Offered {
  // A field with an unknown name is a mistake to tell.
  const input = z.strictObject(tool.input.shape);
  const output = z.object({ ...tool.output.shape, next });
  const schemas: { input?: Record<string, unknown>; output?: Record<string, unknown> } = {};
  return {
    unit,
    tool,
    scope: tool.changes ? 'operate' : 'read',
    input,
    output,
    // Made when somebody asks for it: a client that starts this program waits for its first answer.
    get inputSchema() {
      return (schemas.input ??= z.toJSONSchema(input, { io: 'input' }));
    },
    get outputSchema() {
      return (schemas.output ??= z.toJSONSchema(output, { io: 'output' }));
    },
  };
}

function invalid(name: string, { issues }: z.ZodError): ToolError {
  const [{ path, message }] = issues;
  const where = path.join('.') || 'its arguments';
  const others = issues.length > 1 ? ` (and ${issues.length - 1} more)` : '';
  return new ToolError(
    'invalid_arguments',
    `${name}: ${where}: ${message}${others}`,
    "see the tool's input schema",
  );
}

function unique<T>(all: readonly T[], name: (one: T) => string): readonly T[] {
  const seen = new Set<string>();
  for (const one of all) {
    if (seen.has(name(one))) throw new Error(`two adapters have ${name(one)}: rename one of them`);
    seen.add(name(one));
  }
  return all;
}
