import tseslint from "typescript-eslint";

/** Type-aware rules: for a program of files and concurrency, a floating promise is the worst lint. */
export default tseslint.config(
  {
    ignores: [
      "dist/",
      "node_modules/",
      "coverage/",
      "*.config.*",
      ".dependency-cruiser.cjs",
      "test/bench/**",
      "**/*.mjs",
      "**/*.cjs",
      "examples/",
      "recipes/",
    ],
  },
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: true },
      ],
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
      "@typescript-eslint/require-await": "off",
      "no-restricted-syntax": [
        "error",
        { selector: "ExportDefaultDeclaration", message: "name what you export" },
      ],
      "no-restricted-properties": [
        "error",
        { property: "localeCompare", message: "compare by code unit or by UTF-8 bytes" },
        { property: "toLocaleString", message: "the locale must not reach any output" },
      ],
    },
  },
  {
    files: ["src/**/*.ts", "grammar/**/*.ts", "cache/**/*.ts"],
    ignores: ["src/cli/**", "src/execute/test-driver.ts", "src/execute/test-driver/**"],
    rules: {
      "no-restricted-globals": [
        "error",
        { name: "process", message: "only src/cli reads process" },
        { name: "console", message: "results go through src/report" },
      ],
    },
  },
  {
    files: ["test/**/*.ts", "vitest.config.ts"],
    rules: {
      "no-restricted-syntax": "off",
      "@typescript-eslint/no-unsafe-assignment": "off",
      "@typescript-eslint/no-unsafe-member-access": "off",
      "@typescript-eslint/no-non-null-assertion": "off",
    },
  },
);
