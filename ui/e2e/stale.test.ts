// What the worker itself writes for a browser, in each language: a link that no longer pairs, a refusal, a build without
// screens.

import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Browser } from "playwright-core";
import { launch } from "./browser";
import { findings, WCAG, wider } from "./sound";

const SOURCE = new URL("../../crates/local-api/src/explained/", import.meta.url);
const PAGE = /Page::(\w+) => (?:\{\s*)?Said \{\s*title: "((?:[^"\\]|\\[^])*)",\s*text: "((?:[^"\\]|\\[^])*)",?\s*\}/g;
let browser: Browser;

beforeAll(async () => {
  browser = await launch();
});

afterAll(() => browser.close());

/** The pages of a catalogue, by name. */
async function pages(file: string, lang: string): Promise<Map<string, string>> {
  const [words, frame] = await Promise.all([file, "frame.html"].map((name) => readFile(new URL(name, SOURCE), "utf8")));
  const plain = (text = ""): string => text.replace(/\\\n\s*/g, "").replace(/\\"/g, '"');
  const filled = (title?: string, text?: string): string =>
    (frame ?? "").replace("{lang}", lang).replace("{title}", plain(title)).replace("{text}", plain(text));
  return new Map([...(words ?? "").matchAll(PAGE)].map(([, name, title, text]) => [name ?? "", filled(title, text)]));
}

it.each([
  ["english.rs", "en", "no longer works", "carries no web pages"],
  ["chinese.rs", "zh-TW", "已失效", "不含網頁"],
] as const)("%s is sound", async (file, lang, stale, bare) => {
  const all = await pages(file, lang);
  expect(all.size).toBe(10);
  expect(all.get("StaleCode")).toContain(stale);
  expect(all.get("NotBuilt")).toContain(bare);
  for (const colorScheme of ["light", "dark"] as const) {
    const page = await browser.newPage({ viewport: { width: 390, height: 800 }, colorScheme });
    for (const [name, html] of all) {
      expect(html).not.toMatch(/[{}]|\bstyle=|<script/);
      await page.setContent(html);
      expect({ name, colorScheme, findings: await findings(page, WCAG) }).toEqual({ name, colorScheme, findings: [] });
      expect({ name, wider: (await page.evaluate(wider))[0] }).toEqual({ name, wider: 0 });
    }
    await page.close();
  }
});
