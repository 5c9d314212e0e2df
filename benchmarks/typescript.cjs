'use strict';
require('@swc-node/register/register').register({
  module: 1 /* CommonJS */,
  target: 9 /* ES2022 */,
  esModuleInterop: true,
});
