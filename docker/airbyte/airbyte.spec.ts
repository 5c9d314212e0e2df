import { type PlanContext, StackError } from '@stack/model';
import { airbyte } from './module';

/** A context whose commands are recorded; abctl itself needs images that were out of reach. */
function recorded(found = true) {
  const commands: string[][] = [];
  const context = {
    executable: (name: string) => {
      if (found) return `/usr/local/bin/${name}`;
      throw new StackError('NO_PROGRAM', `there is no ${name}`);
    },
    run: async (command: string, args: readonly string[]) => {
      commands.push([command, ...args]);
      return '';
    },
    progress: () => undefined,
  } as unknown as PlanContext;
  return { commands, context };
}

describe('Airbyte', () => {
  it('is only there when it is asked for', () => expect(airbyte.profiles).toEqual(['airbyte']));

  it('is installed and uninstalled by abctl, at the port that its address names', async () => {
    const { commands, context } = recorded();
    await airbyte.native?.apply(context);
    await airbyte.native?.destroy?.(context);
    expect(commands.map(([, ...args]) => args.slice(0, 4))).toEqual([
      ['local', 'install', '--port', new URL(airbyte.native?.outputs.url as string).port],
      ['local', 'uninstall'],
    ]);
  });

  it('says how to go on without abctl', async () => {
    await expect(airbyte.native?.apply(recorded(false).context)).rejects.toMatchObject({
      code: 'NO_ABCTL',
      remedy: expect.stringContaining('docs.airbyte.com'),
    });
  });
});
