import { type Next, type ToolContext, ToolError, more, pageOf, paged, tool } from '@stack/mcp';
import { z } from 'zod';
import {
  type Folder,
  builtOf,
  environmentsOf,
  keptPlan,
  madeOf,
  resourcesOf,
  unitFolders,
} from './workspace';

const ACTIONS = ['create', 'update', 'replace', 'delete', 'declared'] as const;
type Action = (typeof ACTIONS)[number];

/** What Terraform's list of actions comes to; undefined: nothing is changed. */
export function actionOf(actions: readonly string[]): Action | undefined {
  if (actions.includes('create') && actions.includes('delete')) return 'replace';
  return ACTIONS.find((one) => one === actions[0]);
}

export const infraPlan = tool({
  name: 'infra_plan',
  title: 'What a deploy to AWS would make',
  description:
    'Of one module or service: the last plan that was kept (what AWS would change, with actions), or without one the Terraform files that were synthesised: resources by type, outputs, providers. ' +
    'The second is what a deploy makes, and no comparison with AWS. It runs no plan and asks AWS nothing; values of resources are left out.',
  input: z.object({
    module: z.string().min(1).max(100).describe('module or service: "s3", "duckdb-http"'),
    environment: z
      .string()
      .min(1)
      .max(50)
      .regex(/^[A-Za-z0-9_-]+$/)
      .default('prod')
      .describe('of infra/environments.yml: "prod", "dev"'),
    ...paged,
  }),
  output: z.object({
    module: z.string(),
    environment: z.string(),
    source: z.enum(['plan', 'synthesised']),
    comparison: z.boolean().describe('whether it was compared with what is in AWS'),
    at: z.string().describe('ISO 8601, UTC: when it was made'),
    note: z.string().describe('what has to be known to read it'),
    counts: z.record(z.string(), z.number()).describe('by action; declared: in the files, not compared'),
    types: z.array(z.object({ type: z.string(), count: z.number() })),
    resources: z.array(z.object({ address: z.string(), type: z.string(), action: z.enum(ACTIONS) })),
    outputs: z.array(z.string()),
    reads: z.array(z.string()).describe('units whose outputs it reads'),
    providers: z.array(
      z.object({ name: z.string(), source: z.string().optional(), version: z.string().optional() }),
    ),
    ...more,
  }),
  run: async ({ module, environment, limit, cursor }, context) => {
    const folder = await folderOf(context, module);
    const [kept, files] = await Promise.all([
      keptPlan(context, folder, environment),
      madeOf(context, folder, environment),
    ]);
    if (!files) throw await notMade(context, folder, environment);
    const { plan } = kept ?? {};
    const resources = plan
      ? (plan.resource_changes ?? []).flatMap(({ address, type, mode, change }) => {
          const action = mode === 'data' ? undefined : actionOf(change.actions);
          return action ? [{ address, type: type ?? address.split('.')[0]!, action }] : [];
        })
      : resourcesOf(files.configuration).map((one) => ({ ...one, action: 'declared' as const }));
    const order = ['delete', 'replace', 'update', 'create', 'declared'];
    const sorted = [...resources].sort(
      (a, b) => order.indexOf(a.action) - order.indexOf(b.action) || (a.address < b.address ? -1 : 1),
    );
    const { entries, total, nextCursor } = pageOf(sorted, { limit, cursor });
    const at = (plan ? kept!.at : files.at).toISOString();
    const counts = countsOf(resources.map(({ action }) => action));
    const providers = Object.entries(files.configuration.terraform?.required_providers ?? {});
    const next: Next[] = [
      ...(nextCursor
        ? [
            {
              tool: 'infra_plan',
              arguments: { module, environment, limit, cursor: nextCursor },
              why: 'more resources',
            },
          ]
        : []),
      ...(await environmentsOf(context, folder))
        .filter((one) => one !== environment)
        .slice(0, 3)
        .map((one) => ({
          tool: 'infra_plan',
          arguments: { module, environment: one },
          why: `the same in ${one}`,
        })),
      ...Object.keys(files.configuration.data?.terraform_remote_state ?? {})
        .slice(0, 1)
        .map((one) => ({
          tool: 'infra_plan',
          arguments: { module: one, environment },
          why: 'a unit whose outputs it reads',
        })),
    ];
    const told = Object.entries(counts).map(([action, n]) => `${n} ${action}`);
    return {
      text: plan
        ? `The plan of ${module} in ${environment} (${at}): ${told.length > 0 ? told.join(', ') : 'no changes'}.`
        : `No plan ${kept ? 'can be shown' : 'was kept'}: these are the ${total} resources that a deploy of ${module} to ${environment} would make (files of ${at}), not compared with AWS.`,
      data: {
        module,
        environment,
        source: plan ? ('plan' as const) : ('synthesised' as const),
        comparison: plan !== undefined,
        at,
        note: noteOf(module, environment, kept, files.at),
        counts,
        types: Object.entries(countsOf(resources.map(({ type }) => type)))
          .map(([type, count]) => ({ type, count }))
          .sort((a, b) => b.count - a.count),
        resources: [...entries],
        outputs: Object.keys(plan?.output_changes ?? files.configuration.output ?? {}),
        reads: Object.keys(files.configuration.data?.terraform_remote_state ?? {}),
        providers: providers.map(([name, { source, version }]) => ({
          name,
          ...(source && { source }),
          ...(version && { version }),
        })),
        total,
        ...(nextCursor && { nextCursor }),
      },
      next,
    };
  },
});

export function countsOf(values: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}

function noteOf(
  module: string,
  environment: string,
  kept: Awaited<ReturnType<typeof keptPlan>>,
  files: Date,
): string {
  const command = `npx nx plan ${module} --environment ${environment}`;
  if (!kept)
    return `What a deploy would make, by the files on this machine; what is in AWS already was not looked at. To compare: ${command}`;
  if (!kept.plan) return `A plan was kept, but ${kept.trouble}. To make it anew: ${command}`;
  const stale =
    files.getTime() > kept.at.getTime() + 1_000
      ? 'The files are newer than the plan: it is out of date. '
      : '';
  const drift =
    (kept.plan.resource_changes ?? []).every(({ change }) => actionOf(change.actions) === undefined) &&
    (kept.plan.resource_drift ?? []).length > 0
      ? 'It may be of `drift`, which only looks at what was changed by hand. '
      : '';
  return `${stale}${drift}It may have been applied since, and AWS may have changed. To plan again: ${command}`;
}

/** @throws ToolError naming the units that there are */
async function folderOf(context: ToolContext, name: string): Promise<Folder> {
  const all = await unitFolders(context);
  const found = all.find((one) => one.name === name);
  if (found) return found;
  const word = name.toLowerCase();
  const like = all.filter(
    (one) => one.name.includes(word) || word.includes(one.name) || one.name.startsWith(word.slice(0, 3)),
  );
  const shown = (like.length > 0 ? like : all.filter(({ kind }) => kind === 'module'))
    .slice(0, 10)
    .map((one) => one.name);
  throw new ToolError(
    'unknown_module',
    `there is no module or service ${JSON.stringify(name)}`,
    `${like.length > 0 ? 'is it' : 'modules are'} ${shown.join(', ')}${like.length > 0 ? '?' : ''}; infra_modules lists the modules`,
  );
}

async function notMade(context: ToolContext, folder: Folder, environment: string): Promise<ToolError> {
  const built = await builtOf(context, folder);
  if (folder.kind === 'job' || built?.aws?.none)
    return new ToolError(
      'nothing_in_aws',
      `${folder.name} has nothing in AWS`,
      built?.aws?.none ? `its definition says why: ${built.aws.none}` : 'jobs run where the pipeline does',
    );
  const environments = await environmentsOf(context, folder);
  if (environments.length > 0)
    return new ToolError(
      'unknown_environment',
      `nothing was synthesised of ${folder.name} for the environment ${JSON.stringify(environment)}`,
      `there is ${environments.join(', ')}; environments are in infra/environments.yml, and \`npx nx synth ${folder.name}\` makes the files of all of them`,
    );
  return new ToolError(
    'not_synthesised',
    `no Terraform files of ${folder.name} have been made yet`,
    `npx nx synth ${folder.name} makes them, or says that it has nothing in AWS; then ask again`,
  );
}
