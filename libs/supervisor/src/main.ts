/**
 * `node main.js <folder>`: the supervisor of the stack whose run folder that is. Ends at once when another one is at work.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { serve } from './server';
import { lock, unlock } from './singleton';
import { Supervisor } from './supervisor';

async function main(): Promise<void> {
  const runDir = process.argv[2];
  mkdirSync(runDir, { recursive: true });
  process.chdir(runDir);
  // A terminal's Ctrl-C or hang-up is for the deploy, not for the daemon that it started.
  process.on('SIGINT', () => undefined);
  process.on('SIGHUP', () => undefined);
  if (!lock('supervisor.lock')) return;
  const build = createHash('sha256').update(readFileSync(__filename)).digest('hex');
  const supervisor = new Supervisor(process.cwd(), build);
  const end = () => {
    rmSync('supervisor.sock', { force: true });
    unlock('supervisor.lock');
    process.exit(0);
  };
  process.on('SIGTERM', () => void supervisor.stopAll().then(end));
  await serve(supervisor, build, end);
}

void main();
