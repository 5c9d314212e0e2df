/**
 * Which port each unit's port has on this machine: its usual number for the stack `local`, one of the stack's own hundred for others, the next
 * free one when a stranger has it. Kept in `ports.json`, so that addresses stay.
 */
import { StackError } from '@stack/model';
import { readJson, sha256, writeIfChanged } from '../files';
import type { StackPaths } from '../stack';
import { describeListener, listenerOn } from './listeners';

const LAST = 65_535;

/**
 * First of the hundred ports that a stack other than `local` has to itself: its name decides, 10 000–31 900. All below the
 * range from which systems take ports for outgoing connections (Linux from 32 768, macOS from 49 152): a client that keeps
 * trying such a port would now and then connect to itself.
 */
export const portBlock = (stackName: string): number => 10_000 + (hashOf(stackName) % 220) * BLOCK;

const BLOCK = 100;

const hashOf = (text: string): number => Number.parseInt(sha256(text).slice(0, 8), 16);

/** The environment variable by which a user fixes a port: `PORT_POSTGRES_SQL=5433`. */
export const portVariable = (unit: string, port: string): string =>
  `PORT_${unit}_${port}`.toUpperCase().replaceAll('-', '_');

export class Ports {
  private readonly numbers: Record<string, number>;

  constructor(
    private readonly stack: StackPaths,
    private readonly env: NodeJS.ProcessEnv = process.env,
  ) {
    this.numbers = readJson<Record<string, number>>(stack.ports) ?? {};
  }

  /** The port's number here; chosen now, and kept, if it wasn't before. */
  number(unit: string, port: string, usual: number): number {
    const key = `${unit}.${port}`;
    const fixed = this.fixed(unit, port);
    if (fixed !== undefined && this.numbers[key] !== fixed) this.set(key, fixed);
    return this.numbers[key] ?? this.set(key, this.free(this.usual(key, usual), key));
  }

  /**
   * Makes sure that nobody else listens on the unit's port; moves it to the next free one when somebody does.
   * @param isOwn whether a pid belongs to the unit as it runs now
   * @returns what to tell the user when it moved
   * @throws StackError when the user fixed the port
   */
  settle(unit: string, port: string, usual: number, isOwn: (pid: number) => boolean): string | undefined {
    const key = `${unit}.${port}`;
    const number = this.number(unit, port, usual);
    const listener = listenerOn(number);
    if (!listener || (listener.pid !== undefined && isOwn(listener.pid))) return undefined;
    const who = describeListener(listener);
    if (this.fixed(unit, port) !== undefined)
      throw new StackError(
        'PORT_TAKEN',
        `${unit} can't have its port ${port}: ${number} is taken by ${who}`,
        `stop that process, or choose another number: ${portVariable(unit, port)}=${this.free(number + 1, key)}`,
      );
    const next = this.set(key, this.free(number + 1, key));
    return `port ${number} is taken by ${who}; ${unit} takes ${next} instead`;
  }

  /** The number itself in the stack `local`; elsewhere a place in the stack's block that the port's name decides. */
  private usual(key: string, number: number): number {
    return this.stack.name === 'local' ? number : portBlock(this.stack.name) + (hashOf(key) % BLOCK);
  }

  private fixed(unit: string, port: string): number | undefined {
    const name = portVariable(unit, port);
    const text = this.env[name];
    if (!text) return undefined;
    const number = Number(text);
    if (!Number.isInteger(number) || number < 1 || number > LAST)
      throw new StackError('BAD_PORT', `${name}=${text} is no port`, 'give a number from 1 to 65535');
    return number;
  }

  private free(from: number, key: string): number {
    const given = new Set(
      Object.entries(this.numbers).flatMap(([other, number]) => (other === key ? [] : [number])),
    );
    for (let number = from; number <= LAST; number++)
      if (!given.has(number) && !listenerOn(number)) return number;
    throw new StackError('NO_PORT', `no free port from ${from} upwards for ${key}`);
  }

  private set(key: string, number: number): number {
    this.numbers[key] = number;
    writeIfChanged(this.stack.ports, `${JSON.stringify(this.numbers, null, 2)}\n`);
    return number;
  }
}
