// A registry mirror may lack the binaries of foreign platforms; npm then leaves them out of the lock file, and
// `npm ci` refuses a lock file without them. This names them, as npm itself does where the registry has them all.
// Run after every `npm install`: node scripts/complete-lock.mjs [--check]
import { readFileSync, writeFileSync } from "node:fs";

const file = new URL("../package-lock.json", import.meta.url);
const lock = JSON.parse(readFileSync(file, "utf8"));
const OS = /(?:^|[-/])(android|darwin|freebsd|linux|netbsd|openbsd|openharmony|sunos|win32)-/;
const CPU = /-(arm64|x64|arm|ia32|loong64|mips64el|ppc64|riscv64|s390x|wasm32)\b/;
const added = [];
for (const [place, found] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(found.optionalDependencies ?? {})) {
    const own = `${place}/node_modules/${name}`;
    const shared = `node_modules/${name}`;
    if (lock.packages[own] || lock.packages[shared]) continue;
    const os = OS.exec(name)?.[1];
    const cpu = CPU.exec(name)?.[1];
    if (!os && cpu !== "wasm32") throw new Error(`${name}: for which platform?`);
    lock.packages[shared] = {
      version,
      ...(cpu ? { cpu: [cpu] } : {}),
      ...(found.dev ? { dev: true } : {}),
      optional: true,
      ...(os ? { os: [os] } : {}),
    };
    added.push(`${name}@${version}`);
  }
}
if (process.argv.includes("--check")) {
  const places = Object.values(lock.packages).filter((p) => p.resolved);
  if (added.length > 0 || places.length > 0) {
    console.error(`package-lock.json: ${added.length} platforms missing, ${places.length} addresses too many`);
    process.exit(1);
  }
} else if (added.length > 0) {
  const [root, ...rest] = Object.entries(lock.packages);
  lock.packages = Object.fromEntries([root, ...rest.sort(([a], [b]) => (a < b ? -1 : 1))]);
  writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
  console.log(added.join("\n"));
}
