import { defineConfig } from "vitest/config";

// Quiet and quick: one line a failing test, nothing for a passing one.
export default defineConfig({
  test: {
    include: ["client/{src,test}/**/*.test.ts", "{src,test}/**/*.test.ts"],
    reporters: ["dot"],
    environment: "node",
    testTimeout: 20_000,
    exclude: ["**/node_modules/**", "**/dist/**"],
  },
});
