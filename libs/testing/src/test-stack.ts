import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { type Value, dependenciesOf, resolve } from '@stack/model';
import {
  type Deployed,
  type Session,
  type StackPaths,
  type StackStatus,
  type UnitStatus,
  deployUnit,
  destroyUnit,
  findWorkspace,
  openSession,
  stackPaths,
  stackStatus,
  stopStack,
} from '@stack/runtime';

/**
 * A stack in a temporary folder, with a name and so with ports of its own.
 *
 * @example
 * const stack = await TestStack.start();
 * await stack.deploy('postgres'); // and what it depends on
 * const url = stack.resolve(postgres.url('sql'));
 * await stack.remove();
 */
export class TestStack {
  /** What was said while deploying, a line each. */
  readonly said: string[] = [];
  private constructor(
    readonly paths: StackPaths,
    private session: Session,
  ) {}

  /** @param workspace folder with nx.json; default: this checkout */
  static async start(workspace = findWorkspace(), env: Record<string, string> = {}): Promise<TestStack> {
    const paths = stackPaths(workspace, {
      STACK: `test-${randomBytes(4).toString('hex')}`,
      STACK_HOME: mkdtempSync(path.join(tmpdir(), 'stack-')),
    });
    const said: string[] = [];
    const session = await openSession((line) => said.push(line), paths, env);
    const stack = new TestStack(paths, session);
    stack.said.push(...said);
    return stack;
  }

  /** Deploys the unit after everything that it refers to. */
  async deploy(name: string): Promise<Deployed> {
    const done = new Set<string>();
    const visit = async (unit: string): Promise<Deployed> => {
      for (const dependency of dependenciesOf(this.session.loader.unit(unit)))
        if (!done.has(dependency)) await visit(dependency);
      done.add(unit);
      return deployUnit(this.session, unit, (line) => this.said.push(line));
    };
    return visit(name);
  }

  /** Deploys the unit and nothing that it refers to: for one that works, in part, when those are down. */
  deployAlone(name: string): Promise<Deployed> {
    return deployUnit(this.session, name, (line) => this.said.push(line));
  }

  /** Stops the unit's processes and forgets it. */
  async stop(name: string): Promise<void> {
    await destroyUnit(this.session, name, (line) => this.said.push(line));
  }

  /** Gives up the deploy lease, as a deployer that has ended. */
  async closeSession(): Promise<void> {
    await this.session.close();
  }

  /** A deployer that comes later: what was chosen is read from disk again. */
  async reopen(): Promise<void> {
    await this.session.close();
    this.session = await openSession((line) => this.said.push(line), this.paths);
  }

  resolve(value: Value): string {
    return resolve(value, this.session.resolver);
  }

  status(): Promise<StackStatus> {
    return stackStatus(this.paths);
  }

  async unit(name: string): Promise<UnitStatus> {
    const unit = (await this.status()).units.find((one) => one.name === name);
    if (!unit) throw new Error(`${name} is not deployed`);
    return unit;
  }

  /** Stops everything and deletes the folder. */
  async remove(): Promise<void> {
    await this.session.close();
    await stopStack(this.paths);
    rmSync(path.dirname(this.paths.dir), { recursive: true, force: true });
  }
}

/** The number at which the stack's proxy serves every page by name; `traefik` is deployed. */
export const proxyPort = ({ paths }: Pick<TestStack, 'paths'>): number =>
  (JSON.parse(readFileSync(paths.ports, 'utf8')) as Record<string, { number: number }>)['traefik.web'].number;
