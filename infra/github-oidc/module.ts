import { defineModule } from '@stack/model';

export const githubOidc = defineModule({
  name: 'github-oidc',
  summary: 'Lets workflows of the repository deploy without keys: a role that they may assume, bounded',
  aws: {
    outputs: {
      deployRole: 'ARN of the role that a workflow assumes',
      workloadBoundary: 'ARN of the most that a role made by a deploy may be given',
    },
  },
});
