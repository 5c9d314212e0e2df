/**
 * The only folder that imports cdktf and the providers' bindings, so that they can be replaced (cdktf is no longer developed; its
 * fork cdktn has the same API). They are installed when they are first needed: `npx nx run terraform:install`.
 */
export { Fn, TerraformOutput, TerraformResource, Token } from 'cdktf';
export * as aws from './aws';
export * as snowflake from './snowflake';
export * from './unit-stack';
export * from './synth';
