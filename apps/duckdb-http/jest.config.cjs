module.exports = { ...require('../../jest.preset.cjs'), displayName: 'duckdb-http' };
