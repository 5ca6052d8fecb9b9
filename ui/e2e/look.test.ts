// How the screens look, against pictures that were looked at. Everything that differs between machines is held still:
// the time, the zone, the letters (fonts from packages, without hinting), the drawing (software alone).
// After a change that was meant: LOOK_UPDATE=1 npx vitest run --config vitest.e2e.config.ts e2e/look.test.ts

import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import pixelmatch from "pixelmatch";
import type { Browser, Page } from "playwright-core";
import { PNG } from "pngjs";
import { launch, serveFake, type Served } from "./browser";
import { MAIN, PAGES, type Shown, type Wear } from "./pages";
import { visit, wear } from "./visit";

const UPDATE = process.env["LOOK_UPDATE"] === "1";
const LOOKS = fileURLToPath(new URL("looks/", import.meta.url));
const WRONG = fileURLToPath(new URL("looks-differ/", import.meta.url));
/** Another build of the browser draws edges a little differently; a part that moved or changed its colour is far more. */
const MOST_OTHER = 0.004;
const COLOUR = 0.2;
/** Half as many points each way, and sixteen shades of each colour: enough to see what changed, and small. */
const SCALE = 0.5;
const SHADES = 16;

const WORN: readonly Wear[] = [
  { lang: "en", theme: "light" },
  { lang: "zh-tw", theme: "dark" },
];
const SIZES = {
  desktop: { width: 1200, height: 800, pages: PAGES },
  phone: { width: 390, height: 844, pages: PAGES.filter(({ name }) => MAIN.includes(name)) },
} as const;

const fileOf = (shown: Shown, size: string, { lang, theme }: Wear): string => `${shown.name}.${size}.${lang}.${theme}.png`;

let browser: Browser;
let served: Served;
let letters: { weight: number; url: string }[];

beforeAll(async () => {
  browser = await launch(["--font-render-hinting=none", "--disable-lcd-text", "--force-color-profile=srgb", "--disable-font-subpixel-positioning"]);
  served = await serveFake();
  const require = createRequire(import.meta.url);
  letters = await Promise.all(
    [400, 500, 600, 700].map(async (weight) => {
      const file = await readFile(require.resolve(`@fontsource/noto-sans/files/noto-sans-latin-${weight}-normal.woff2`));
      return { weight, url: `url(data:font/woff2;base64,${file.toString("base64")})` };
    }),
  );
  await mkdir(LOOKS, { recursive: true });
});

afterAll(async () => {
  await browser.close();
  await served.close();
});

/** The letters are the driver's, which the hosts' policy would refuse. */
async function open(width: number, height: number): Promise<Page> {
  const page = await browser.newPage({ viewport: { width, height }, deviceScaleFactor: SCALE, reducedMotion: "reduce", timezoneId: "UTC", locale: "en-US", bypassCSP: true });
  // What is inside changes with every update, and is another test's.
  await page.route("**/licences.json", (route) => route.fulfill({ json: { parts: [["svelte", "5.0.0", "MIT"], ["tokio", "1.0.0", "MIT"]], programs: true } }));
  await page.addInitScript((faces) => {
    for (const { weight, url } of faces) {
      const face = new FontFace("Look", url, { weight: String(weight) });
      document.fonts.add(face);
      void face.load();
    }
    const sheet = new CSSStyleSheet();
    const family = 'Look, "Noto Sans CJK TC"';
    sheet.replaceSync(`:root { --font-sans: ${family} !important; --font-mono: ${family} !important; } * { font-family: ${family} !important; caret-color: transparent !important; }`);
    document.adoptedStyleSheets.push(sheet);
  }, letters);
  return page;
}

/** What is seen once nothing moves any more. */
async function picture(page: Page): Promise<PNG> {
  await page.evaluate(() => document.fonts.ready);
  let before: Buffer = Buffer.alloc(0);
  for (let i = 0; i < 40; i += 1) {
    const now = await page.screenshot({ animations: "disabled", caret: "hide" });
    if (now.equals(before)) {
      const seen = PNG.sync.read(now);
      const step = 255 / (SHADES - 1);
      for (const [at, value] of seen.data.entries()) seen.data[at] = Math.round(Math.round(value / step) * step);
      return seen;
    }
    before = now;
    await page.waitForTimeout(60);
  }
  throw new Error("it never stands still");
}

async function compare(name: string, now: PNG): Promise<void> {
  const file = await readFile(`${LOOKS}${name}`).catch(() => null);
  if (file === null) throw new Error(`no picture ${name} was approved: make it with LOOK_UPDATE=1 and look at it`);
  const approved = PNG.sync.read(file);
  const { width, height } = now;
  expect([approved.width, approved.height]).toEqual([width, height]);
  const differ = new PNG({ width, height });
  const other = pixelmatch(approved.data, now.data, differ.data, width, height, { threshold: COLOUR }) / (width * height);
  if (other > MOST_OTHER) {
    await mkdir(WRONG, { recursive: true });
    await writeFile(`${WRONG}${name}`, PNG.sync.write(now));
    await writeFile(`${WRONG}${name.replace(/png$/, "differ.png")}`, PNG.sync.write(differ));
  }
  expect(other, `see ui/e2e/looks-differ/${name}`).toBeLessThanOrEqual(MOST_OTHER);
}

describe.each(Object.entries(SIZES))("%s", (size, { width, height, pages }) => {
  let page: Page;
  beforeAll(async () => {
    page = await open(width, height);
  });
  afterAll(() => page.close());

  it.each(pages.map((shown) => [shown.name, shown] as const))("%s looks as it was approved", async (_name, shown) => {
    for (const now of WORN) {
      await (now === WORN[0] ? visit : wear)(page, served.base, shown, now);
      const seen = await picture(page);
      const name = fileOf(shown, size, now);
      if (UPDATE) await writeFile(`${LOOKS}${name}`, PNG.sync.write(seen, { colorType: 2, deflateLevel: 9, deflateStrategy: 0, filterType: 0 }));
      else await compare(name, seen);
    }
  });
});

it("keeps no picture of what is not there any more", async () => {
  const wanted = new Set(Object.entries(SIZES).flatMap(([size, { pages }]) => pages.flatMap((shown) => WORN.map((worn) => fileOf(shown, size, worn)))));
  const left = (await readdir(LOOKS)).filter((name) => !wanted.has(name));
  if (UPDATE) await Promise.all(left.map((name) => rm(`${LOOKS}${name}`)));
  else expect(left).toEqual([]);
});
