/** The resources of Snowflake that units use. */
export { AccountRole } from '@cdktf/provider-snowflake/lib/account-role';
export { Database } from '@cdktf/provider-snowflake/lib/database';
export { GrantAccountRole } from '@cdktf/provider-snowflake/lib/grant-account-role';
export {
  GrantPrivilegesToAccountRole,
  type GrantPrivilegesToAccountRoleConfig,
} from '@cdktf/provider-snowflake/lib/grant-privileges-to-account-role';
export { SnowflakeProvider } from '@cdktf/provider-snowflake/lib/provider';
export { ResourceMonitor } from '@cdktf/provider-snowflake/lib/resource-monitor';
export { Schema } from '@cdktf/provider-snowflake/lib/schema';
export { ServiceUser } from '@cdktf/provider-snowflake/lib/service-user';
export { Warehouse } from '@cdktf/provider-snowflake/lib/warehouse';
