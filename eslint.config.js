import tseslint from 'typescript-eslint'

// What lies under a book, and under the store, has one place each, so that a successor can come behind it.
const VIEW = 'src/book/view/database.ts'
const LOG = 'src/book/log/**'
const LMDB = 'src/store/backend/lmdb-backend.ts'
const hyperbee = { name: 'hyperbee', message: `the database of the view is behind ${VIEW}` }
const autobase = { name: 'autobase', message: `the log of a book is behind src/book/log/` }
const lmdb = { name: 'lmdb', message: `the database of the store is behind ${LMDB}` }
// Node 20 forgets it when only AbortSignal.any refers to it.
const timeout = {
  object: 'AbortSignal',
  property: 'timeout',
  message: 'use timeoutSignal of src/base/timeouts.ts'
}

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', 'contracts/spec/'] },
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.strict],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: false }],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrorsIgnorePattern: '^_' }
      ],
      '@typescript-eslint/consistent-type-imports': 'error',
      'no-empty': ['error', { allowEmptyCatch: false }],
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-console': 'error'
    }
  },
  {
    files: ['src/types/**/*.ts'],
    rules: { '@typescript-eslint/no-explicit-any': 'off' }
  },
  {
    files: ['**/*.ts'],
    ignores: ['src/daemon/log/**'],
    rules: {
      'no-restricted-imports': [
        'error',
        { paths: [{ name: 'pino', message: 'say what happens to the interface in src/base/logger.ts' }] }
      ]
    }
  },
  {
    files: ['src/**/*.ts'],
    rules: { 'no-restricted-properties': ['error', timeout] }
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/types/**', VIEW, LOG, LMDB],
    rules: { '@typescript-eslint/no-restricted-imports': ['error', { paths: [hyperbee, autobase, lmdb] }] }
  },
  {
    files: [VIEW],
    rules: { '@typescript-eslint/no-restricted-imports': ['error', { paths: [autobase, lmdb] }] }
  },
  {
    files: [LOG],
    rules: { '@typescript-eslint/no-restricted-imports': ['error', { paths: [hyperbee, lmdb] }] }
  },
  {
    files: [LMDB],
    rules: { '@typescript-eslint/no-restricted-imports': ['error', { paths: [hyperbee, autobase] }] }
  },
  {
    files: ['test/**/*.ts', 'bench/**/*.ts', 'bin/demo.ts'],
    rules: { 'no-console': 'off', '@typescript-eslint/no-floating-promises': 'off' }
  }
)
