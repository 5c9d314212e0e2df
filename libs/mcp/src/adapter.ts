import type { z } from 'zod';
import type { Answer } from './answer';

/** What a caller's token may do: look (every token may), or change something. */
export type Scope = 'read' | 'operate';

/** What a tool may ask of the server that calls it. */
export interface ToolContext {
  /** The values of the definition's `mcp.env`, resolved. */
  readonly env: Readonly<Record<string, string>>;
  /** Aborted when the caller has cancelled, gone, or waited too long. */
  readonly signal: AbortSignal;
  /** Tells the caller how far it is; nobody may be listening. `total` when it is known. */
  progress(done: number, total: number | undefined, message: string): void;
  /** The stack that it belongs to. */
  readonly stack: StackView;
}

/** What the server knows of the stack that it belongs to. */
export interface StackView {
  readonly name: string;
  units(): Promise<readonly UnitView[]>;
  /** What becomes of a unit that doesn't answer: what is wrong, since when, and what to do. */
  down(unit: string, reason: string): Promise<string>;
}

/** A unit as the stack's registry and its health have it. */
export interface UnitView {
  readonly name: string;
  readonly kind: 'service' | 'module' | 'job';
  readonly layer: string;
  readonly summary: string;
  /** Address for a person. */
  readonly url?: string;
  readonly health: 'healthy' | 'unhealthy' | 'down' | 'done' | 'unknown';
  /** Why it isn't healthy. */
  readonly reason?: string;
  /** ISO 8601: since when it has this health, as far as this server has seen it. */
  readonly since?: string;
  readonly deployedAt: string;
  readonly dependsOn: readonly string[];
  readonly restarts?: number;
  readonly memoryBytes?: number;
}

export interface Tool<I extends z.ZodObject = z.ZodObject, O extends z.ZodObject = z.ZodObject> {
  /** `<topic>_<verb>`, unique in the workspace: `data_query`. */
  readonly name: string;
  readonly title: string;
  /** For the model that chooses among tools: what it gives, when to take it, what it leaves out. */
  readonly description: string;
  readonly input: I;
  /** What the answer's data is. */
  readonly output: O;
  /** It changes something; without it the tool only looks. */
  readonly changes?: {
    /** It may take something away that was there. */
    readonly destructive: boolean;
    /** Twice is as good as once. */
    readonly idempotent: boolean;
    /** What the person is asked before it is done. */
    question(input: z.output<I>): string;
  };
  run(input: z.output<I>, context: ToolContext): Promise<Answer<z.output<O>>>;
}

/** Something that is read by its address. */
export interface ResourceSpec {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** An address, `stack://manifest`, or a template of some: `stack://tables/{table}`. */
  readonly uri: string;
  readonly mimeType: string;
  /** The topics of events after which it may have changed. */
  readonly changesWith?: readonly Topic[];
  /** For a template: those that there are. */
  list?(context: ToolContext): Promise<readonly { readonly uri: string; readonly title: string }[]>;
  /** For a template: values of a variable that begin as `start` does. */
  complete?(variable: string, start: string, context: ToolContext): Promise<readonly string[]>;
  /** @throws ToolError when there is no such thing */
  read(variables: Readonly<Record<string, string>>, context: ToolContext): Promise<string>;
}

export interface PromptSpec {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly arguments: Readonly<
    Record<
      string,
      {
        readonly description: string;
        readonly required?: boolean;
        complete?(start: string, context: ToolContext): Promise<readonly string[]>;
      }
    >
  >;
  /** The message that the assistant begins with. */
  text(values: Readonly<Record<string, string>>): string;
}

/** What the server tells of, as it happens. */
export type Topic = 'health' | 'runs' | 'quality' | 'alerts' | 'data';

/** One thing that is watched, as it is now. */
export interface Seen {
  /** Another one is an event. */
  readonly state: string;
  /** What is told of it. */
  readonly event: Readonly<Record<string, unknown>>;
}

/** What the server looks at again and again, to tell of it when it changes. */
export interface Watch {
  readonly topic: Topic;
  /** By id: what there is now. What was seen at the first look is no event; what fails is looked at again later. */
  look(context: ToolContext): Promise<ReadonlyMap<string, Seen>>;
}

/** What assistants have of one unit. */
export interface Adapter {
  readonly watch?: readonly Watch[];
  readonly tools?: readonly Tool[];
  readonly resources?: readonly ResourceSpec[];
  readonly prompts?: readonly PromptSpec[];
}

/** The adapter of the definition that this file lies beside; it is the file's only export. */
export const defineAdapter = (adapter: Adapter): Adapter => adapter;

/** A tool, with its input and output typed. */
export const tool = <I extends z.ZodObject, O extends z.ZodObject>(spec: Tool<I, O>): Tool =>
  spec as unknown as Tool;
