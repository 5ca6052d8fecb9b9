import { svelte } from "@sveltejs/vite-plugin-svelte";
import tailwindcss from "@tailwindcss/vite";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

/** The policy the hosts send; the preview server sends it too, so that the browser tests run under it. */
export const CSP = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join("; ");

// The scripted host exists only in `--mode fake`; the shipped bundle never contains it.
export default defineConfig(({ mode }) => ({
  base: "./",
  plugins: [svelte(), tailwindcss()],
  resolve: {
    alias: {
      "#host": fileURLToPath(
        new URL(mode === "fake" ? "./src/platform/fake/host.ts" : "./src/platform/host.ts", import.meta.url),
      ),
    },
  },
  build: {
    target: ["es2022", "safari16.4", "chrome111"],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: { port: 1420, strictPort: true },
  preview: { headers: { "Content-Security-Policy": CSP } },
}));
