import js from '@eslint/js';
import jsxA11y from 'eslint-plugin-jsx-a11y';
import reactHooks from 'eslint-plugin-react-hooks';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

/** The layers of src/, lowest first: a file may import its own layer's files and the layers beneath. */
const UPPER = {
  shared: ['@/features/**', '@/pages/**', '@/app/**'],
  features: ['@/features/**', '@/pages/**', '@/app/**', '../*'],
  pages: ['@/features/*/**', '@/app/**'],
};

/** @param {string[]} group @param {string} message */
const forbid = (group, message) => ({ 'no-restricted-imports': ['error', { patterns: [{ group, message }] }] });

export default defineConfig(
  globalIgnores(['dist', 'src/api/schema.d.ts']),
  { linterOptions: { reportUnusedDisableDirectives: 'error', noInlineConfig: true } },
  js.configs.recommended,
  {
    files: ['**/*.{ts,tsx}'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
    },
  },
  {
    files: ['src/**/*.tsx', 'src/**/*.ts'],
    extends: [reactHooks.configs.flat['recommended-latest'], jsxA11y.flatConfigs.strict],
  },
  {
    files: ['src/{api,domain,i18n,lib,ui}/**'],
    rules: forbid(UPPER.shared, 'Shared code knows no feature, page or app.'),
  },
  {
    files: ['src/features/**'],
    rules: forbid(UPPER.features, 'A feature imports no other feature: let a page bring the two together.'),
  },
  { files: ['src/pages/**'], rules: forbid(UPPER.pages, 'Pages use what a feature exports from its index.') },
  {
    files: ['public/*.js'],
    languageOptions: {
      sourceType: 'script',
      globals: Object.fromEntries(
        ['document', 'location', 'localStorage', 'matchMedia', 'navigator', 'URLSearchParams'].map((n) => [n, 'readonly']),
      ),
    },
  },
);
