import { defineModule, stack } from '@stack/model';

export const state = defineModule({
  name: 'state',
  summary: "Where Terraform's state is kept for everybody: a bucket, and a table for locks",
  mcp: { env: { WORKSPACE: stack.workspace } },
  aws: {
    outputs: {
      bucket: 'Bucket of the states',
      table: 'Table of the locks',
      region: 'Where both are',
    },
  },
});
