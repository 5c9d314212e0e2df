/** Shared by every project's jest.config.cjs: TypeScript through swc, specs beside the code. */
module.exports = {
  testEnvironment: 'node',
  testMatch: ['**/*.spec.ts'],
  modulePathIgnorePatterns: ['<rootDir>/.nx', '<rootDir>/dist', '<rootDir>/site'],
  transform: {
    '^.+\\.[cm]?ts$': [
      '@swc/jest',
      {
        jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
        module: { type: 'commonjs', ignoreDynamic: true },
      },
    ],
  },
  testTimeout: 120_000,
  reporters: ['default'],
};
