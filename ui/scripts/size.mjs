// First load of the shipped bundle, gzip: node scripts/size.mjs [--json]
// That is what the page names, and what the script that it names fetches at once: the start with all that it needs.
import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const LIMIT = 120_000;
const folder = new URL("../dist/", import.meta.url);
const html = readFileSync(new URL("index.html", folder), "utf8");
const rows = readdirSync(new URL("assets/", folder)).map((name) => {
  const bytes = readFileSync(new URL(`assets/${name}`, folder));
  return { name, bytes: bytes.length, gzip: gzipSync(bytes, { level: 9 }).length, text: bytes.toString() };
});
const named = html + rows.filter((r) => html.includes(r.name) && r.name.endsWith(".js")).map((r) => r.text).join("");
for (const row of rows) row.first = named.includes(row.name);
const leaked = rows.filter((r) => r.text.includes("hivemindFake")).map((r) => r.name);
const sum = (list) => list.reduce((n, r) => n + r.gzip, 0);
const first = sum(rows.filter((r) => r.first));
const all = sum(rows);
if (process.argv.includes("--json")) console.log(JSON.stringify({ first, all, limit: LIMIT, pass: first <= LIMIT && leaked.length === 0 }));
else {
  for (const r of rows) console.log(`${r.name.padEnd(28)} ${String(r.bytes).padStart(8)} B ${String(r.gzip).padStart(7)} B gzip${r.first ? "  first load" : ""}`);
  console.log(`first load ${first} B, everything ${all} B, limit ${LIMIT} B`);
}
if (leaked.length > 0) console.error(`the scripted host is in ${leaked.join(", ")}`);
process.exit(first <= LIMIT && leaked.length === 0 ? 0 : 1);
