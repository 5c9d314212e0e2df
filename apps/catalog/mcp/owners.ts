import { type Next, tool } from '@stack/mcp';
import { z } from 'zod';
import { entityShape, told, urnField } from './search';
import { type Told, entityOf, ownerShape, ownersOf, siblingsOf } from './told';

export const catalogOwners = tool({
  name: 'catalog_owners',
  title: 'Owners of an entity',
  description:
    'Who owns a table, job or dashboard: people and groups with their roles and addresses; of a table without owners those of the same table by dbt or by the engine. ' +
    'Take it for "whom do I ask".',
  input: z.object({ urn: urnField }),
  output: z.object({
    ...entityShape.shape,
    owners: z.array(ownerShape),
    from: z
      .string()
      .optional()
      .describe('URN of the sibling that names them, when the entity itself names none'),
  }),
  run: async ({ urn }, context) => {
    const entity = await entityOf(context, urn);
    let owners = ownersOf(entity);
    let from: string | undefined;
    for (const sibling of owners.length > 0 ? [] : siblingsOf(entity).slice(0, 3)) {
      owners = ownersOf(await entityOf(context, sibling).catch(() => ({ urn: sibling }) as Told));
      if (owners.length === 0) continue;
      from = sibling;
      break;
    }
    const next: Next[] =
      owners.length > 0
        ? [{ tool: 'catalog_entity', arguments: { urn: owners[0]!.urn }, why: 'more of the first of them' }]
        : [
            {
              tool: 'catalog_lineage',
              arguments: { urn, direction: 'downstream' },
              why: 'dashboards that show it, whose owners may know',
            },
          ];
    return {
      text:
        owners.length === 0
          ? 'Nobody is named as its owner.'
          : `${owners.length} owners${from ? ', named at the same table’s other entity' : ''}.`,
      data: { ...told(entity), owners, ...(from && { from }) },
      next,
    };
  },
});
