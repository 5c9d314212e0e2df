/** The `stack` command. Each subcommand is a file of its own; errors are printed here and nowhere else. */
import { StackError } from '@stack/model';
import { asStackError, forStack } from '@stack/runtime';
import { Command } from 'commander';
import { bake } from './bake';
import { exportCatalog, importCatalog } from './catalog';
import * as cloud from './cloud';
import { compose } from './compose';
import { down, reset } from './down';
import { emulated } from './emulated';
import { exec } from './exec';
import { imagesLock } from './images-lock';
import { kubernetes } from './kubernetes';
import { logs } from './logs';
import { docs } from './mcp/docs';
import { install } from './mcp/install';
import { move } from './move';
import { runPipeline } from './pipeline';
import { rollback } from './rollback';
import { secret } from './secret';
import { services } from './services';
import { status } from './status';
import { up } from './up';

const program = new Command('stack')
  .description(
    'Brings a stack up, looks at it, runs its pipeline, takes it down. STACK=<name> chooses the stack (default: local).',
  )
  .option('--verbose', 'show stack traces')
  .showHelpAfterError('(stack --help shows what there is)');

program
  .command('up')
  .description('deploy everything, run the pipeline, show where to look')
  .option('--no-pipeline', 'leave the pipeline out')
  .option('--runtime <runtime>', 'native, or docker', 'native')
  .action(up);
program
  .command('status')
  .description('health, address and memory of every unit')
  .option('--json', 'an array of {name, layer, url, health, pid, memoryBytes, …}')
  .action(status);
program
  .command('pipeline')
  .description('run the pipeline now')
  .option('--force', 'even if nothing is new')
  .option('--folder <path>', 'with the source files of this folder')
  .option('--days <first..last>', 'load only these days of the flights again')
  .action(runPipeline);
program
  .command('rollback')
  .description('give readers the snapshot before the one that they have')
  .action(rollback);
program
  .command('move')
  .description("carry the stack's data from one runtime to the other, and deploy it there")
  .requiredOption('--from <runtime>', 'native or docker')
  .requiredOption('--to <runtime>', 'docker or native')
  .option('--force', 'replace data that is there already')
  .action(move);
const mcp = program.command('mcp').description('the stack for AI assistants');
mcp
  .command('install')
  .description('tell a client (claude, claude-code, cursor, gemini, vscode, windsurf) of this stack')
  .argument('<client>')
  .option('--operate', 'it may start and stop things too; without it, it only looks')
  .option('--print', 'only show what would change')
  .option('--yes', "don't ask")
  .action(install);
mcp.command('docs').description('write the lists of docs/mcp.md anew').action(docs);
program.command('secret').description('print one secret').argument('<unit>').argument('<key>').action(secret);
program
  .command('logs')
  .description("show a unit's log")
  .argument('[unit]')
  .option('-n, --lines <count>', 'lines to start with', '100')
  .option('--no-follow', 'end after them')
  .action(logs);
program.command('down').description('stop everything; data stays').action(down);
program
  .command('reset')
  .description('stop everything and delete the data of this stack')
  .option('--yes', "don't ask")
  .action(reset);
program
  .command('exec')
  .description(
    "run a command with a unit's environment: stack exec transformation --lease warehouse -- dbt build",
  )
  .argument('<unit>')
  .argument('<command...>')
  .option('--lease <name>', 'hold this lease meanwhile (`warehouse`, for whatever writes it)')
  .action(exec);

program
  .command('images-lock')
  .description("write the digests of other people's images, as their registries tell them")
  .option('--output <file>', 'instead of docker/images.lock.json')
  .action(imagesLock);
program.command('services').description('write the table of docs/services.md anew').action(services);
program
  .command('compose')
  .description('write a compose file that is what the runtime docker makes')
  .option('--force', 'also over a file that was edited')
  .action(compose);
program
  .command('bake')
  .description('write a file from which docker buildx bake makes our images for every platform')
  .argument('[units...]', 'only these')
  .action(bake);
program
  .command('kubernetes')
  .description('write manifests of the services for a cluster')
  .option('--namespace <name>', 'namespace', 'stack')
  .option('--domain <domain>', 'services are shown as <service>.<domain>', 'stack.example')
  .option('--registry <registry>', 'where our images are', 'registry.example/stack')
  .option('--tag <tag>', 'their tag', 'latest')
  .action(kubernetes);
const inCatalog = program.command('catalog').description("the catalogue as a file in DataHub's format");
inCatalog
  .command('export')
  .description('write all that it knows now')
  .argument('<file>')
  .action(exportCatalog);
inCatalog
  .command('import')
  .description(
    "load such a file by DataHub's client, here or into another DataHub (its token: DATAHUB_GMS_TOKEN)",
  )
  .option('--server <url>', 'address of that DataHub')
  .argument('<file>')
  .action(importCatalog);
const inCloud = program
  .command('cloud')
  .description('an environment in AWS (infra/environments.yml)')
  .option('--environment <name>', 'which one', process.env.CLOUD_ENV || 'prod');
const given = <T extends object>(options: T) => ({ ...inCloud.opts<{ environment: string }>(), ...options });
inCloud
  .command('plan')
  .description('show what a deploy would change')
  .action(() => cloud.plan(given({})));
inCloud
  .command('deploy')
  .description('plan, ask, apply')
  .option('--yes', "don't ask")
  .action((options: { yes?: boolean }) => cloud.deploy(given(options)));
inCloud
  .command('destroy')
  .description('destroy everything')
  .option('--yes', "don't ask")
  .option('--force', 'also buckets with data')
  .action((options: { yes?: boolean; force?: boolean }) => cloud.destroy(given(options)));
inCloud
  .command('drift')
  .description('say what was changed by hand')
  .action(() => cloud.drift(given({})));
inCloud
  .command('state')
  .description("take Terraform's states to the bucket of infra/state, or back to this machine")
  .argument('<where>', 'remote or local')
  .action((where: string) => {
    if (where !== 'remote' && where !== 'local')
      throw new StackError(
        'BAD_ARGUMENT',
        `states are kept remote or local, not ${where}`,
        'make state-remote, make state-local',
      );
    return cloud.moveStates(where, given({}));
  });
inCloud
  .command('unlock')
  .description('release the lock that an interrupted Terraform left')
  .argument('<unit>')
  .argument('<id>')
  .action((unit: string, id: string) => cloud.unlock(unit, id, given({})));
inCloud.command('emulated').description('apply everything to an emulator of AWS').action(emulated);
inCloud
  .command('secret')
  .description('write the value of a secret that is given by hand')
  .argument('<unit>')
  .argument('<key>')
  .argument('<file>')
  .action((unit: string, key: string, file: string) => cloud.secret(unit, key, file, given({})));
inCloud
  .command('cost')
  .description('estimate what the environment costs a month')
  .action(() => cloud.cost(given({})));

async function main(): Promise<void> {
  try {
    await program.parseAsync();
  } catch (caught) {
    const error = asStackError(caught);
    const verbose = program.opts<{ verbose?: boolean }>().verbose;
    if (error instanceof StackError && !verbose) console.error(forStack(`✘ ${error.toString()}`));
    else console.error(verbose || !(error instanceof StackError) ? error : error.toString());
    process.exitCode = 1;
  }
}

void main();
