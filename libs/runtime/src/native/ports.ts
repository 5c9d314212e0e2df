/**
 * Which port each unit's port has on this machine: its usual number for the stack `local`, shifted for other stacks, the next
 * free one when a stranger has it. Kept in `ports.json`, so that addresses stay.
 */
import { StackError } from '@stack/model';
import { readJson, sha256, writeIfChanged } from '../files';
import type { StackPaths } from '../stack';
import { describeListener, listenerOn } from './listeners';

const LAST = 65_535;

/** How far a stack's ports lie from the usual ones: 0 for `local`, else a multiple of 100 that its name decides (10 000–29 900). */
export const portOffset = (stackName: string): number =>
  stackName === 'local' ? 0 : 10_000 + (Number.parseInt(sha256(stackName).slice(0, 8), 16) % 200) * 100;

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
    return this.numbers[key] ?? this.set(key, this.free(this.usual(usual), key));
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

  private usual(number: number): number {
    const shifted = number + portOffset(this.stack.name);
    return shifted <= LAST ? shifted : 1_024 + (shifted % (LAST - 1_024));
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
