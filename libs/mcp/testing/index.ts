/** Calls the tools of an adapter as the server does: input and output compared with their schemas. For specs. */
import { z } from 'zod';
import type { Adapter, Answer, ToolContext, UnitView } from '../src';

export interface Caller {
  /** @throws z.ZodError for input or output that isn't as the tool says, ToolError for what it refuses */
  call<T = Record<string, unknown>>(tool: string, input?: object, signal?: AbortSignal): Promise<Answer<T>>;
  readonly context: ToolContext;
  /** What was told by `progress`. */
  readonly progress: string[];
}

export function callerOf(
  adapter: Adapter,
  env: Readonly<Record<string, string>>,
  units: readonly UnitView[] = [],
): Caller {
  const progress: string[] = [];
  const context: ToolContext = {
    env,
    signal: new AbortController().signal,
    progress: (done, total, message) => progress.push(`${done}/${total ?? '?'} ${message}`),
    stack: {
      name: 'test',
      units: async () => units,
      down: async (unit, reason) => `${unit} doesn't answer (${reason})`,
    },
  };
  return {
    context,
    progress,
    call: async <T>(name: string, input: object = {}, signal = context.signal) => {
      const found = adapter.tools?.find((one) => one.name === name);
      if (!found) throw new Error(`there is no tool ${name}`);
      const answer = await found.run(z.strictObject(found.input.shape).parse(input), { ...context, signal });
      z.strictObject(found.output.shape).parse(answer.data);
      return answer as Answer<T>;
    },
  };
}
