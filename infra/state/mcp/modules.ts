import { type Next, more, pageOf, paged, tool } from '@stack/mcp';
import { z } from 'zod';
import { builtOf, environmentsOf, isPlanned, madeOf, resourcesOf, unitFolders } from './workspace';

const made = z.object({
  environment: z.string(),
  resources: z.number(),
  at: z.string().describe('ISO 8601, UTC: when the Terraform files were last written'),
  planned: z.boolean().describe('a plan was kept: infra_plan compares with AWS'),
});

const listed = z.object({
  module: z.string(),
  layer: z.string().optional(),
  summary: z.string().optional(),
  folder: z.string(),
  deployed: z.boolean().describe('in this stack, on this machine or in its containers'),
  health: z.string().optional(),
  deployedAt: z.string().optional(),
  outputs: z.array(z.string()).optional().describe('what it gives to others in AWS'),
  terraform: z.array(made).describe('what was last made of it for AWS; empty: nothing yet'),
});

export const infraModules = tool({
  name: 'infra_modules',
  title: 'Infrastructure modules',
  description:
    'Modules of the infrastructure (bucket, secrets, warehouse, network, registry, Terraform’s state): what each is, whether this stack has it, its outputs in AWS, ' +
    'and whether Terraform files or a plan were made. Running services are in stack_status; what a deploy to AWS would make is in infra_plan.',
  input: z.object({
    search: z.string().min(1).max(200).optional().describe('only modules with this in name or summary'),
    ...paged,
  }),
  output: z.object({ modules: z.array(listed), ...more }),
  run: async ({ search, limit, cursor }, context) => {
    const units = new Map((await context.stack.units()).map((unit) => [unit.name, unit]));
    const all = (await unitFolders(context)).filter(({ kind }) => kind === 'module');
    const described = await Promise.all(
      all.map(async (folder) => {
        const built = await builtOf(context, folder);
        const unit = units.get(folder.name);
        return { folder, unit, built, summary: unit?.summary ?? built?.summary };
      }),
    );
    const word = search?.toLowerCase();
    const found = described.filter(
      ({ folder, summary }) => !word || `${folder.name} ${summary ?? ''}`.toLowerCase().includes(word),
    );
    const { entries, total, nextCursor } = pageOf(found, { limit, cursor });
    const modules = await Promise.all(
      entries.map(async ({ folder, unit, built, summary }) => {
        const layer = unit?.layer ?? built?.layer;
        const outputs = Object.keys(built?.aws?.outputs ?? {});
        const terraform: z.output<typeof made>[] = [];
        for (const environment of await environmentsOf(context, folder)) {
          const files = await madeOf(context, folder, environment).catch(() => undefined);
          if (!files) continue;
          const planned = isPlanned(context, folder, environment);
          terraform.push({
            environment,
            resources: resourcesOf(files.configuration).length,
            at: files.at.toISOString(),
            planned,
          });
        }
        return {
          module: folder.name,
          ...(layer && { layer }),
          ...(summary && { summary }),
          folder: folder.root,
          deployed: unit !== undefined,
          ...(unit && { health: unit.health, deployedAt: unit.deployedAt }),
          ...(outputs.length > 0 && { outputs }),
          terraform,
        };
      }),
    );
    const deployed = modules.filter((one) => one.deployed).length;
    const withFiles = modules.find(({ terraform }) => terraform.length > 0);
    const next: Next[] = [
      ...(withFiles
        ? [
            {
              tool: 'infra_plan',
              arguments: { module: withFiles.module, environment: withFiles.terraform[0]!.environment },
              why: 'what a deploy to AWS would make of it',
            },
          ]
        : []),
      ...(total === 0 && search ? [{ tool: 'infra_modules', arguments: {}, why: 'all of them' }] : []),
      ...(nextCursor
        ? [
            {
              tool: 'infra_modules',
              arguments: { ...(search && { search }), limit, cursor: nextCursor },
              why: 'more modules',
            },
          ]
        : []),
      { tool: 'stack_status', arguments: {}, why: 'all units of this stack' },
    ];
    return {
      text: `${total} modules${search ? ' fit' : ''}; of the ${modules.length} here this stack has ${deployed}.`,
      data: { modules, total, ...(nextCursor && { nextCursor }) },
      next,
    };
  },
});
