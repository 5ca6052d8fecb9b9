import { svelte } from "@sveltejs/vite-plugin-svelte";
import tailwindcss from "@tailwindcss/vite";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";
import { licences } from "./licences";

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

/** A language of marks: every message comes in brackets and half as long again, so that what bypasses the catalogue, or
 * has no room to grow, is seen. */
function pseudo(): Plugin {
  const said = /(\/\*\* @type \{LocalizedString\} \*\/ \()(`(?:[^`\\]|\\.)*`)\)/g;
  return {
    name: "pseudo",
    transform(code, id) {
      if (!id.includes("/generated/paraglide/messages/")) return null;
      return code.replace(said, (_all, head: string, text: string) => {
        const longer = " ~~~~".repeat(Math.round(text.replace(/\$\{[^}]*\}/g, "").length / 10));
        return `${head}"⟦" + ${text} + "${longer}⟧")`;
      });
    },
  };
}

// The scripted host exists only in `--mode fake`; the shipped bundle never contains it.
export default defineConfig(({ mode }) => ({
  base: "./",
  plugins: [svelte(), tailwindcss(), licences(), ...(mode === "pseudo" ? [pseudo()] : [])],
  resolve: {
    alias: {
      "#host": fileURLToPath(
        new URL(mode === "fake" || mode === "pseudo" ? "./src/platform/fake/host.ts" : "./src/platform/host.ts", import.meta.url),
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
