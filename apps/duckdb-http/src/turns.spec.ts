import { setTimeout as after } from 'node:timers/promises';
import { RequestError } from '@stack/http-server';
import { Turns } from './turns';

const owner = (name: string, concurrency = 10) => ({ name, concurrency });
const { signal } = new AbortController();

describe('turns', () => {
  test('owners are served in turn, however many one has waiting', async () => {
    const turns = new Turns(1, 100);
    const order: string[] = [];
    const ask = (name: string) =>
      turns.take(owner(name), signal, async () => {
        order.push(name);
        await after(1);
      });
    await Promise.all([...Array(5).fill('a'), 'b', 'c', 'b'].map((name: string) => ask(name)));
    expect(order.join('')).toBe('aabcabaa');
  });

  test('one owner has no more open than it may, though turns are free', async () => {
    const turns = new Turns(8, 100);
    let open = 0;
    let most = 0;
    const work = async () => {
      most = Math.max(most, (open += 1));
      await after(2);
      open -= 1;
    };
    await Promise.all(Array.from({ length: 10 }, () => turns.take(owner('a', 2), signal, work)));
    expect([most, open]).toEqual([2, 0]);
  });

  test('whose line is full is told when to come again, and others aren’t', async () => {
    const turns = new Turns(1, 2);
    const hold = (name: string) => turns.take(owner(name), signal, () => after(20));
    const [first, ...waiting] = [hold('a'), hold('a'), hold('a')];
    const refused = await hold('a').catch((error: RequestError) => error);
    expect(refused).toMatchObject({ status: 429, code: 'too_many_queries' });
    expect(Number((refused as RequestError).details.headers?.['retry-after'])).toBeGreaterThan(0);
    await Promise.all([first, ...waiting, hold('b')]);
  });

  test('one that waits for its caller lends its turn, and goes on before those that come', async () => {
    const turns = new Turns(1, 10);
    const order: string[] = [];
    let taken = (): void => undefined;
    const slow = turns.take(owner('a'), signal, async (turn) => {
      await turn.pause(new Promise<void>((resolve) => (taken = resolve)));
      order.push('slow');
    });
    await turns.take(owner('b'), signal, async () => void order.push('b'));
    const busy = turns.take(owner('a'), signal, () => after(5));
    const later = turns.take(owner('a'), signal, async () => void order.push('later'));
    taken();
    await Promise.all([slow, busy, later]);
    expect(order).toEqual(['b', 'slow', 'later']);
  });

  test('one that gives up in its line or while it pauses leaves nothing behind', async () => {
    const turns = new Turns(1, 10);
    const gone = new AbortController();
    const paused = turns.take(owner('a'), gone.signal, (turn) => turn.pause(after(5)));
    const held = turns.take(owner('b'), signal, () => after(20));
    const waits = turns.take(owner('c'), gone.signal, async () => undefined);
    gone.abort('gone');
    await expect(paused).rejects.toBe('gone');
    // It isn't counted as refused: it went.
    await expect(waits).rejects.toMatchObject({ code: 'client_gone' });
    await held;
    expect(await turns.take(owner('d'), signal, async () => 'runs')).toBe('runs');
  });
});
