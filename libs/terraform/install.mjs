/** Installs what cdktf needs, 450 MB, when its lock file isn't the installed one: only those who go to the cloud need it. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';

const folder = path.join(import.meta.dirname, 'cdktf');
const stamp = path.join(folder, 'node_modules', '.stamp');
const lock = readFileSync(path.join(folder, 'package-lock.json'), 'utf8');

if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== lock) {
  console.log('installing cdktf and the bindings of AWS and Snowflake …');
  execFileSync('npm', ['ci', '--no-audit', '--no-fund', '--ignore-scripts'], {
    cwd: folder,
    stdio: 'inherit',
  });
  writeFileSync(stamp, lock);
}
