// No word bypasses the catalogue, and every screen has room for a longer language.

import { readdirSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Browser } from "playwright-core";
import { build } from "vite";
import { ledgerOf } from "../src/platform/fake/network";
import { SCENES } from "../src/platform/fake/scenes";
import { plainLine } from "../src/platform/printable";
import { launch, serveFake, watch, type Served } from "./browser";
import { PAGES } from "./pages";
import { NOW, visit } from "./visit";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const OUT = "dist-pseudo";
let browser: Browser;
let served: Served;

beforeAll(async () => {
  await build({ root: ROOT, mode: "pseudo", logLevel: "error", build: { outDir: OUT } });
  browser = await launch();
  served = await serveFake(OUT);
}, 180_000);

afterAll(async () => {
  await browser.close();
  await served.close();
  await rm(`${ROOT}/${OUT}`, { recursive: true, force: true });
});

/** What is data and not said by us: it comes from the worker, the pool or a task, or is a unit. */
const DATA = [
  /^[\d\s.,:·/%+×–-]*(?:CPT|[KMGT]?i?B(?:\/s)?|°C|W|ms|s|min|h|d|AM|PM|MHz|GHz)?$/,
  /^[−+±]?[\d.,]+ k?Wh$/,
  /^[−+±]?(?:NT\$|€)[\d.,]+$/,
  /^(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b/,
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)\b/,
  // The names that this browser and the machine's parts give themselves, and the commands for a terminal.
  /^Chrome [\d.]+$/,
  /^(?:Linux|Windows|GPL-3\.0)$/,
  /^(?:Docker|Podman)(?:\s+[\d.]+)?$/,
  /^\/[\w./~-]+$/,
  /^:? ?hivemind-worker (?:open|verify-ledger FILE)$/,
  // Languages by their own names.
  /^(?:English|繁體中文)$/,
  ...literals(),
];

/** Everything that the scripted worker says, as patterns; a sentence of it may begin with a capital and end with a stop. */
function literals(): RegExp[] {
  const folder = `${ROOT}/src/platform/fake`;
  const escaped = (text: string): string => text.replace(/[.*+?^()|[\]\\]/g, "\\$&");
  const opened = (text: string): string => text.replace(/^[a-z]/, (letter) => `[${letter}${letter.toUpperCase()}]`);
  const pattern = (text: string): RegExp => new RegExp(`^(?:[\\d.,· ]+)?${opened(escaped(text)).replace(/\$\{[^}]*\}/g, ".+").replace(/[{}]/g, "\\$&")}\\.?$`);
  const files = readdirSync(folder).map((name) => readFileSync(`${folder}/${name}`, "utf8"));
  return files.flatMap((text) => [...text.matchAll(/"((?:[^"\\\n]|\\.)+)"|`([^`]+)`/g)]).flatMap(([, plain, template]) => {
    const said = plain ?? template ?? "";
    return /\p{L}{2,}/u.test(said.replace(/\$\{[^}]*\}/g, "")) ? [pattern(said)] : [];
  });
}

/** Every text of the made-up worlds as the page may show it, the hostile one's too. */
const TOLD = new Set<string>();
const WORLDS = Object.values(SCENES).map((scene) => scene(NOW));
JSON.stringify([WORLDS, WORLDS.map((world) => ledgerOf(world, NOW))], (_key, value: unknown) => {
  if (typeof value === "string") TOLD.add(plainLine(value).trim());
  return value;
});

interface Said {
  text: string;
  where: string;
}

/** What is left of a text without our own words, which may stand in one another: a line around a value around its unit. */
function ourless(text: string): string {
  const rest = text.replace(/⟦[^⟦⟧]*⟧/g, "");
  return rest === text ? rest : ourless(rest);
}

it("says nothing but what the catalogue holds, and needs no wider screen for it", async () => {
  const { page, wrong } = await watch(browser, { viewport: { width: 900, height: 600 }, reducedMotion: "reduce" });
  const foreign: Record<string, string[]> = {};
  for (const shown of PAGES) {
    await visit(page, served.base, shown, { lang: "en", theme: "light" });
    const said: Said[] = await page.evaluate(() => {
      const found: { text: string; where: string }[] = [];
      const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
      // Words of the worker, of tasks and of files are marked as what they are.
      const data = "[lang=en]:not(html), [data-said], code, pre, .mono, [data-testid=own-log-line], [data-testid=log], [data-testid=support-text], [data-testid=licences] tbody";
      for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        const element = node instanceof Element ? node : node.parentElement;
        if (!element || element.closest(data) || element.closest("script, style, svg title")) continue;
        const where = element.closest("[data-testid]")?.getAttribute("data-testid") ?? element.tagName;
        if (node instanceof Element) {
          for (const name of ["aria-label", "title", "placeholder", "alt"]) {
            const text = node.getAttribute(name);
            if (text) found.push({ text, where: `${where} ${name}` });
          }
        } else if (node.textContent?.trim()) found.push({ text: node.textContent.trim(), where });
      }
      return found;
    });
    expect(said.filter(({ text }) => text.includes("⟦")).length).toBeGreaterThan(2);
    for (const { text, where } of said) {
      const rest = ourless(text).trim();
      // Several facts may stand in one line.
      const known = (piece: string): boolean => !/\p{L}{2,}/u.test(piece) || TOLD.has(piece.trim()) || DATA.some((one) => one.test(piece.trim()));
      const split = (by: RegExp) => (piece: string): boolean => known(piece) || piece.split(by).every(known);
      if (known(rest) || rest.split(/\s*·\s*/).every(split(/,(?=\s|$)|\s{2,}/))) continue;
      (foreign[`${where}: ${rest}`] ??= []).push(shown.name);
    }
    const wide = await page.evaluate(() => [document.documentElement, document.querySelector("main")].map((e) => (e ? e.scrollWidth - e.clientWidth : 0)));
    expect({ name: shown.name, wide }).toEqual({ name: shown.name, wide: [0, 0] });
  }
  expect(foreign).toEqual({});
  expect(wrong).toEqual([]);
  await page.close();
}, 240_000);
