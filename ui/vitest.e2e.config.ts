import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

export default defineConfig({
  // What the screens should say is asked of the same words, and the stub answers as the scripted worker does: both stand
  // on modules with runes.
  plugins: [svelte()],
  test: {
    include: ["e2e/**/*.test.ts"],
    environment: "node",
    // Two browsers at once: each waits more than it works.
    fileParallelism: true,
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // A busy machine is slow, not wrong.
    expect: { poll: { timeout: 20_000 } },
  },
});
