// Pictures of every screen: node scripts/screens.mjs --out FOLDER [--dist FOLDER] [--only TEXT[,TEXT…]] [--height PIXELS]
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { preview, runnerImport } from "vite";

// The same list and the same steps as the tests'.
const { module: pages } = await runnerImport("./e2e/pages.ts", { configFile: false });
const { module: visits } = await runnerImport("./e2e/visit.ts", { configFile: false });

const CHROMIUM_FLAGS = [
  "--no-sandbox", "--headless=new", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--force-color-profile=srgb",
];
const option = (name, fallback) => {
  const at = process.argv.indexOf(name);
  return at < 0 ? fallback : process.argv[at + 1];
};
const out = option("--out", "screens");
// Every one of the words must be in a picture's name.
const only = option("--only", "").split(",");
// Another height shows the whole of a long screen.
const tall = Number(option("--height", "0"));
const SIZES = { desktop: [1440, 900], small: [900, 600], phone: [390, 844] };

await mkdir(out, { recursive: true });
const server = await preview({ mode: "fake", logLevel: "error", build: { outDir: option("--dist", "dist-fake") }, preview: { port: 0, host: "127.0.0.1" } });
const base = `http://127.0.0.1:${server.httpServer.address().port}/`;
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: CHROMIUM_FLAGS });
let count = 0;
for (const [size, [width, height]] of Object.entries(SIZES)) {
  const page = await browser.newPage({ viewport: { width, height: tall || height }, reducedMotion: "reduce", locale: "en-US" });
  for (const shown of pages.PAGES) {
    const wanted = pages.WEARS.map((wear) => ({ wear, file: `${shown.name}.${size}.${wear.lang}.${wear.theme}.png` })).filter(({ file }) => only.every((word) => file.includes(word)));
    for (const { wear, file } of wanted) {
      await visits.visit(page, base, shown, wear);
      await page.screenshot({ path: join(out, file) });
      count += 1;
    }
  }
  await page.close();
}
await browser.close();
await server.close();
console.log(`${count} pictures in ${out}`);
process.exit(0);
