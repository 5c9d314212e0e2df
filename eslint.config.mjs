import eslint from '@eslint/js';
import nx from '@nx/eslint-plugin';
import prettier from 'eslint-config-prettier';
import globals from 'globals';
import typescript from 'typescript-eslint';

/** Lowest first: a unit may import its own layer and those below. */
const layers = ['infra', 'service', 'dbt', 'dagster', 'observability'];

export default typescript.config(
  {
    ignores: [
      '**/dist',
      '**/node_modules',
      '**/.venv',
      '**/.stack',
      '**/.cloud',
      '**/.nx',
      'apps/evidence/site',
      '**/*.py',
    ],
  },
  eslint.configs.recommended,
  ...typescript.configs.recommended,
  prettier,
  {
    files: ['**/*.ts'],
    plugins: { '@nx': nx },
    rules: {
      '@nx/enforce-module-boundaries': [
        'error',
        {
          // Definitions are read as they are, from their source.
          enforceBuildableLibDependency: false,
          allow: [],
          depConstraints: [
            ...layers.map((layer, i) => ({
              sourceTag: `layer:${layer}`,
              onlyDependOnLibsWithTags: [
                'type:lib',
                ...layers.slice(0, i + 1).map((lower) => `layer:${lower}`),
              ],
            })),
            { sourceTag: 'type:lib', onlyDependOnLibsWithTags: ['type:lib'] },
            { sourceTag: 'type:tool', onlyDependOnLibsWithTags: ['type:lib', 'type:tool'] },
            { sourceTag: 'type:tests', onlyDependOnLibsWithTags: ['*'] },
          ],
        },
      ],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
    },
  },
  { files: ['**/*.{cjs,mjs}'], languageOptions: { globals: globals.node } },
  {
    files: ['**/*.cjs'],
    languageOptions: { sourceType: 'commonjs' },
    rules: { '@typescript-eslint/no-require-imports': 'off' },
  },
);
