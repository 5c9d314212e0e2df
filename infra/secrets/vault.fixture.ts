import { defineResources } from '@stack/terraform/cdktf';
import { ownSecrets } from './in-aws';

/** Nothing but secrets: what the spec looks at. */
export default defineResources((stack) => ownSecrets(stack.useAws()));
