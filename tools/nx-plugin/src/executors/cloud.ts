import { requireTypeScript } from '@stack/runtime';
import type * as Terraform from '@stack/terraform';

/** Loaded only when it is wanted: a deploy on this machine needs nothing of it. */
export const cloud = (): typeof Terraform => requireTypeScript('@stack/terraform');
