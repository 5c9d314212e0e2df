/** `stack cloud emulated`: the real Terraform, applied to moto, which plays AWS; and taken away again. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { StackError } from '@stack/model';
import { findWorkspace } from '@stack/runtime';
import { Moto } from '@stack/testing';
import { execa } from 'execa';

/** What moto plays; Snowflake has no emulator that Terraform's provider can talk to. */
const UNITS = ['--projects', 'tag:layer:infra', '--exclude', 'snowflake,object-store'];

export async function emulated(): Promise<void> {
  const { EMULATED, cloudDir } = await import('@stack/terraform');
  const workspace = findWorkspace();
  if (!(await providerCanBeFetched(workspace))) {
    console.log("- skipped: Terraform's provider of AWS can't be fetched from its registry here");
    return;
  }
  const moto = await Moto.start();
  const nx = async (target: string) => {
    const { failed } = await execa(
      'npx',
      ['nx', 'run-many', '-t', target, '-c', 'aws', ...UNITS, '--outputStyle=stream'],
      {
        cwd: workspace,
        env: { ...moto.env, CLOUD_ENV: EMULATED, CLOUD_YES: '1' },
        stdio: 'inherit',
        reject: false,
      },
    );
    if (failed) throw new StackError('EMULATED_FAILED', `${target} failed; what did is named above`);
  };
  try {
    await nx('deploy');
    // A second one has nothing to do.
    await nx('deploy');
    await nx('destroy');
  } finally {
    await moto.stop();
    rmSync(cloudDir(workspace, EMULATED), { recursive: true, force: true });
  }
  console.log('✔ applied to an emulator of AWS, and destroyed there');
}

async function providerCanBeFetched(workspace: string): Promise<boolean> {
  const { Terraform, pluginCache } = await import('@stack/terraform');
  await Terraform.version();
  const folder = mkdtempSync(path.join(tmpdir(), 'provider-'));
  const terraform = { required_providers: { aws: { source: 'hashicorp/aws' } } };
  writeFileSync(path.join(folder, 'main.tf.json'), JSON.stringify({ terraform }));
  try {
    await new Terraform({ folder, plugins: pluginCache(workspace) }).init();
    return true;
  } catch (error) {
    if (error instanceof StackError && error.code === 'NO_PROVIDER') return false;
    throw error;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
