export default { test: { include: ['**/*.vitest.mjs'], root: import.meta.dirname, testTimeout: 60_000, watch: false } };
