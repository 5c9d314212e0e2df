import { defineModule } from '@stack/model';

export const ecr = defineModule({
  name: 'ecr',
  summary: 'Registry of our images: a repository each, scanned, with tags that never change',
  aws: {
    outputs: {
      registry: "The registry's host, to log in to",
    },
  },
});
