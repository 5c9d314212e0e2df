/**
 * Which port each unit's port has on this machine: its usual number for the stack `local`, one of the stack's own hundred for others, the next
 * free one when a stranger has it. Kept in `ports.json`, so that addresses stay.
 */
import { StackError, type Unit } from '@stack/model';
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

/** A port's number here, and the one that it was chosen for: with another wish it is chosen anew. */
interface Choice {
  readonly number: number;
  readonly wanted: number;
}

export class Ports {
  private readonly choices: Record<string, Choice>;

  /** @param env where ports that the user fixed are read from; without, ports are what they were when deployed */
  constructor(
    private readonly stack: StackPaths,
    private readonly env?: NodeJS.ProcessEnv,
  ) {
    this.choices = readJson<Record<string, Choice>>(stack.ports) ?? {};
  }

  /**
   * The port's number here: as chosen before while the wish (the user's number, else the definition's) is the same; chosen
   * now, and kept, if not.
   */
  number(unit: string, port: string, usual: number): number {
    const key = `${unit}.${port}`;
    const fixed = this.fixed(unit, port);
    const wanted = fixed ?? this.usual(key, usual);
    const before = this.choices[key];
    if (before && (!this.env || before.wanted === wanted)) return before.number;
    // Whether a stranger listens there is asked when the unit is deployed (settle): it may be the unit itself.
    return this.choose(key, fixed ?? this.unclaimed(wanted, key), wanted);
  }

  /**
   * Makes sure that nobody else listens on the unit's port; moves it to the next free one when somebody does.
   * @param isOwn whether who listens belongs to the unit as it runs now; its pid isn't known of another user's process
   * @returns what to tell the user when it moved
   * @throws StackError when the user fixed the port
   */
  settle(
    unit: string,
    port: string,
    usual: number,
    isOwn: (pid: number | undefined, port: number) => boolean,
  ): string | undefined {
    const key = `${unit}.${port}`;
    const number = this.number(unit, port, usual);
    const listener = listenerOn(number);
    if (!listener || isOwn(listener.pid, number)) return undefined;
    const who = describeListener(listener);
    if (this.fixed(unit, port) !== undefined)
      throw new StackError(
        'PORT_TAKEN',
        `${unit} can't have its port ${port}: ${number} is taken by ${who}`,
        `stop that process, or choose another number: ${portVariable(unit, port)}=${this.free(number + 1, key)}`,
      );
    const next = this.choose(key, this.free(number + 1, key), this.choices[key].wanted);
    return `port ${number} is taken by ${who}; ${unit} takes ${next} instead`;
  }

  /** Lets go of the unit's ports: deployed again, it tries its usual ones first. */
  forget(unit: string): void {
    for (const key of Object.keys(this.choices)) if (key.startsWith(`${unit}.`)) delete this.choices[key];
    this.save();
  }

  /** The number itself in the stack `local`; elsewhere a place in the stack's block that the port's name decides. */
  private usual(key: string, number: number): number {
    return this.stack.name === 'local' ? number : portBlock(this.stack.name) + (hashOf(key) % BLOCK);
  }

  private fixed(unit: string, port: string): number | undefined {
    const name = portVariable(unit, port);
    const text = this.env?.[name];
    if (!text) return undefined;
    const number = Number(text);
    if (!Number.isInteger(number) || number < 1 || number > LAST)
      throw new StackError('BAD_PORT', `${name}=${text} is no port`, 'give a number from 1 to 65535');
    return number;
  }

  /** The first number from `from` on that no other unit of the stack has and for which `also` holds. */
  private unclaimed(from: number, key: string, also = (_: number) => true): number {
    const given = new Set(
      Object.entries(this.choices).flatMap(([other, { number }]) => (other === key ? [] : [number])),
    );
    for (let number = from; number <= LAST; number++) if (!given.has(number) && also(number)) return number;
    throw new StackError('NO_PORT', `no free port from ${from} upwards for ${key}`);
  }

  private free(from: number, key: string): number {
    return this.unclaimed(from, key, (number) => !listenerOn(number));
  }

  private choose(key: string, number: number, wanted: number): number {
    this.choices[key] = { number, wanted };
    this.save();
    return number;
  }

  private save(): void {
    writeIfChanged(this.stack.ports, `${JSON.stringify(this.choices, null, 2)}\n`);
  }
}

/** Variables that look as if they fixed a port and fix none: a typing error, most likely. */
export function unknownPortVariables(units: readonly Unit[], env: NodeJS.ProcessEnv): string[] {
  const services = units.filter((unit) => unit.kind === 'service');
  const known = new Set(
    services.flatMap((unit) => Object.keys(unit.ports).map((port) => portVariable(unit.name, port))),
  );
  return Object.keys(env)
    .filter((name) => /^PORT_[A-Z0-9]/.test(name) && !known.has(name))
    .map((name) => `${name} fixes no port; those that there are: ${[...known].sort().join(', ')}`);
}
