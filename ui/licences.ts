// Which parts of others are inside, with their licences, for the screen that tells it.

import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Plugin } from "vite";

type Part = [name: string, version: string, licence: string];

/** Written by `cargo xtask` before it builds the screens: what the programs are linked from. */
const CRATES = fileURLToPath(new URL("rust-licences.json", import.meta.url));
const STYLES = fileURLToPath(new URL("src/app.css", import.meta.url));

/** The package that a module of the bundle comes from; nothing for one of ours. */
function packageOf(id: string): string | null {
  // The bundler's own helpers, and what the compiler of the messages wrote.
  if (id.startsWith("\0")) return /^\0(vite|rolldown)\//.exec(id)?.[1] ?? null;
  if (id.includes("/generated/paraglide/")) return "@inlang/paraglide-js";
  return /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(id)?.[1] ?? null;
}

function partOf(name: string): Part {
  const { version, license } = JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url), "utf8")) as { version: string; license?: string };
  if (!license) throw new Error(`${name} names no licence`);
  return [name, version, license];
}

/** Puts `licences.json` beside the pages: `parts`, and whether those of the programs are among them. */
export function licences(): Plugin {
  return {
    name: "licences",
    apply: "build",
    generateBundle(_options, bundle) {
      const modules = Object.values(bundle).flatMap((file) => (file.type === "chunk" ? file.moduleIds : []));
      const styles = [...readFileSync(STYLES, "utf8").matchAll(/@import "((?:@[^/"]+\/)?[^/"]+)/g)].map(([, name]) => name ?? "");
      const names = new Set([...modules.flatMap((id) => packageOf(id) ?? []), ...styles]);
      const programs = existsSync(CRATES);
      const crates = programs ? (JSON.parse(readFileSync(CRATES, "utf8")) as Part[]) : [];
      const parts = [...[...names].map(partOf), ...crates].sort(([a], [b]) => a.localeCompare(b, "en"));
      this.emitFile({ type: "asset", fileName: "licences.json", source: JSON.stringify({ parts, programs }) });
    },
  };
}
