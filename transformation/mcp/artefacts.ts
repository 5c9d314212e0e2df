/** dbt's artefacts in its target folder: read once, again when a file has another time or size. */
import { readFile, stat } from 'node:fs/promises';
import * as path from 'node:path';
import { type ToolContext, ToolError } from '@stack/mcp';

/** What the adapter reads of a node, source, exposure or unit test of dbt's manifest (version 12). */
export interface Node {
  readonly unique_id: string;
  readonly name: string;
  readonly resource_type: string;
  readonly package_name: string;
  readonly path: string;
  readonly original_file_path: string;
  readonly description?: string;
  readonly alias?: string;
  readonly database?: string | null;
  readonly schema?: string;
  readonly relation_name?: string | null;
  readonly columns?: Readonly<
    Record<string, { readonly name: string; readonly description?: string; readonly data_type?: string | null }>
  >;
  readonly config?: Readonly<Record<string, unknown>>;
  readonly tags?: readonly string[];
  readonly depends_on?: { readonly nodes?: readonly string[] };
  readonly raw_code?: string;
  readonly language?: string;
  // of tests
  readonly column_name?: string | null;
  readonly attached_node?: string | null;
  readonly test_metadata?: {
    readonly name: string;
    readonly namespace?: string | null;
    readonly kwargs?: Readonly<Record<string, unknown>>;
  };
  // of sources
  readonly source_name?: string;
  readonly identifier?: string;
  readonly loader?: string;
  // of exposures
  readonly type?: string;
  readonly label?: string | null;
  readonly url?: string | null;
  readonly owner?: { readonly name?: string | null; readonly email?: unknown };
  // of unit tests
  readonly model?: string;
}

export interface Manifest {
  readonly metadata: {
    readonly dbt_version?: string;
    readonly generated_at?: string;
    readonly project_name?: string;
    readonly adapter_type?: string;
  };
  readonly nodes: Readonly<Record<string, Node>>;
  readonly sources?: Readonly<Record<string, Node>>;
  readonly exposures?: Readonly<Record<string, Node>>;
  readonly unit_tests?: Readonly<Record<string, Node>>;
  readonly child_map?: Readonly<Record<string, readonly string[]>>;
}

export interface RunResults {
  readonly metadata?: { readonly generated_at?: string; readonly invocation_id?: string };
  readonly results?: readonly {
    readonly unique_id: string;
    readonly status: string;
    readonly execution_time?: number;
    readonly failures?: number | null;
    readonly message?: string | null;
    readonly adapter_response?: { readonly rows_affected?: unknown };
    readonly timing?: readonly { readonly name: string; readonly completed_at?: string | null }[];
  }[];
}

interface Kept {
  readonly key: string;
  readonly value: unknown;
}

/** Files that are kept at once; a stack has four. */
const MOST = 8;
/** Milliseconds after which a file that can't be read whole is tried again: somebody is writing it. */
const AGAIN = [100, 300, 900];

const kept = new Map<string, Kept>();

/**
 * A file as `parse` makes it, kept until the file changes; undefined when there is none.
 * @throws SyntaxError what `parse` throws, after it was tried again
 */
export async function readKept<T>(file: string, parse: (text: string) => T): Promise<T | undefined> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      const { mtimeMs, size } = await stat(file);
      const key = `${mtimeMs} ${size}`;
      const found = kept.get(file);
      if (found?.key === key) return found.value as T;
      const value = parse(await readFile(file, 'utf8'));
      kept.delete(file);
      kept.set(file, { key, value });
      if (kept.size > MOST) kept.delete(kept.keys().next().value!);
      return value;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      const wait = AGAIN[attempt];
      if (!(error instanceof SyntaxError) || wait === undefined) throw error;
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}

export const inTarget = (context: ToolContext, ...parts: string[]): string =>
  path.join(context.env.TARGET ?? '', ...parts);

/** @throws ToolError when it is there and can't be read */
async function artefact<T>(context: ToolContext, name: string): Promise<T | undefined> {
  try {
    return await readKept(inTarget(context, name), (text) => JSON.parse(text) as T);
  } catch (error) {
    throw new ToolError(
      'artefact_unreadable',
      `dbt's ${name} can't be read: ${error instanceof SyntaxError ? 'it is being written, or was left half-written' : (error as NodeJS.ErrnoException).code}`,
      'ask again in some seconds; if it stays so: npx nx deploy transformation',
    );
  }
}

/** @throws ToolError when dbt hasn't parsed the project yet */
export async function manifestOf(context: ToolContext): Promise<Manifest> {
  const manifest = await artefact<Manifest>(context, 'manifest.json');
  if (manifest?.nodes) return manifest;
  throw new ToolError(
    'not_parsed',
    manifest ? 'manifest.json is none of dbt’s' : 'dbt has not parsed the project yet: there is no manifest.json',
    'npx nx deploy transformation parses it; stack_unit {"unit": "transformation"} says how its last deploy ended',
  );
}

/** What a `dbt build` that writes its artefacts left; the pipeline's own doesn't. */
export const runResultsOf = (context: ToolContext): Promise<RunResults | undefined> =>
  artefact<RunResults>(context, 'run_results.json');
