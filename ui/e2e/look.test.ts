// How the screens look, against pictures that were looked at. Everything that differs between machines is held still:
// the time, the zone, the letters (a font from the packages, without hinting), the drawing (software alone).
// After a change that was meant: LOOK_UPDATE=1 npx vitest run --config vitest.e2e.config.ts e2e/look.test.ts

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import pixelmatch from "pixelmatch";
import type { Browser, Page } from "playwright-core";
import { PNG } from "pngjs";
import { launch, serveFake, type Served } from "./browser";

const UPDATE = process.env["LOOK_UPDATE"] === "1";
const LOOKS = fileURLToPath(new URL("looks/", import.meta.url));
const WRONG = fileURLToPath(new URL("looks-differ/", import.meta.url));
/** Another build of the browser draws edges a little differently; a part that moved or changed its colour is far more. */
const MOST_OTHER = 0.004;
const COLOUR = 0.2;
const NOW = new Date("2026-11-21T14:05:30Z");

/** Name, scene, address, theme, width, height, what is clicked. */
const PICTURES: readonly (readonly [string, string, string, string, number, number, string?])[] = [
  ["home-light", "earning", "home", "light", 900, 600],
  ["home-dark", "earning", "home", "dark", 1440, 900],
  ["home-needs-you", "engine", "home", "light", 390, 844],
  ["tasks-dark", "earning", "tasks", "dark", 900, 600],
  ["task-light", "ready", "tasks/7c9e6679-7425-40de-944b-000000000100/1", "light", 390, 844],
  ["earnings-light", "earning", "earnings", "light", 1440, 900],
  ["resources-day-dark", "earning", "resources", "dark", 900, 600, "trend-1440"],
  ["health-light", "engine", "health", "light", 900, 600],
  ["settings-light", "earning", "settings", "light", 390, 844],
  ["log-dark", "earning", "log", "dark", 900, 600],
  ["about-light", "earning", "about", "light", 1440, 900],
  ["welcome-light", "fresh", "welcome", "light", 900, 600],
  ["pairing-dark", "unpaired", "home", "dark", 390, 844],
];

let browser: Browser;
let served: Served;
let letters: string;

beforeAll(async () => {
  browser = await launch(["--font-render-hinting=none", "--disable-lcd-text", "--force-color-profile=srgb", "--force-device-scale-factor=1", "--disable-font-subpixel-positioning"]);
  served = await serveFake();
  const require = createRequire(import.meta.url);
  const faces = await Promise.all(
    [400, 500, 600, 700].map(async (weight) => {
      const file = await readFile(require.resolve(`@fontsource/noto-sans/files/noto-sans-latin-${weight}-normal.woff2`));
      return `@font-face { font-family: Look; font-weight: ${weight}; src: url(data:font/woff2;base64,${file.toString("base64")}) format("woff2"); }`;
    }),
  );
  letters = `${faces.join("\n")} :root { --font-sans: Look !important; --font-mono: Look !important; } * { font-family: Look !important; caret-color: transparent !important; }`;
});

afterAll(async () => {
  await browser.close();
  await served.close();
});

async function picture(page: Page, [, scene, path, theme, , , click]: (typeof PICTURES)[number]): Promise<PNG> {
  await page.clock.setFixedTime(NOW);
  await page.goto(`${served.base}?scene=${scene}&lang=en&theme=${theme}&still=1#/${path}`);
  await page.locator("[data-testid=app], [data-testid=pairing]").waitFor();
  await page.addStyleTag({ content: letters });
  await page.evaluate(() => Promise.all([400, 500, 600, 700].map((weight) => document.fonts.load(`${weight} 16px Look`))));
  if (click) await page.getByTestId(click).click();
  let before: Buffer = Buffer.alloc(0);
  // Until nothing moves any more.
  for (let i = 0; i < 40; i += 1) {
    await page.waitForTimeout(150);
    const now = await page.screenshot({ animations: "disabled", caret: "hide" });
    if (i > 2 && now.equals(before)) return PNG.sync.read(now);
    before = now;
  }
  throw new Error(`${scene} ${path} never stands still`);
}

for (const wanted of PICTURES) {
  const [name, , , theme, width, height] = wanted;
  it(`${name} looks as it was approved`, async () => {
    // Before it is paired the page has only the system to go by. The letters are put in by the driver, which the hosts' policy would refuse.
    const page = await browser.newPage({ viewport: { width, height }, colorScheme: theme === "dark" ? "dark" : "light", reducedMotion: "reduce", timezoneId: "UTC", locale: "en-US", bypassCSP: true });
    const now = await picture(page, wanted);
    await page.close();
    const file = `${LOOKS}${name}.png`;
    if (UPDATE) {
      await mkdir(LOOKS, { recursive: true });
      await writeFile(file, PNG.sync.write(now, { deflateLevel: 9 }));
      return;
    }
    const approved = PNG.sync.read(await readFile(file));
    expect([now.width, now.height]).toEqual([approved.width, approved.height]);
    const differ = new PNG({ width, height });
    const other = pixelmatch(approved.data, now.data, differ.data, width, height, { threshold: COLOUR }) / (width * height);
    if (other > MOST_OTHER) {
      await mkdir(WRONG, { recursive: true });
      await writeFile(`${WRONG}${name}.png`, PNG.sync.write(now));
      await writeFile(`${WRONG}${name}.differ.png`, PNG.sync.write(differ));
    }
    expect(other, `see ui/e2e/looks-differ/${name}.differ.png`).toBeLessThanOrEqual(MOST_OTHER);
  }, 60_000);
}
