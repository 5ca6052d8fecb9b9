// What the worker itself writes for a browser: a link that no longer pairs, and a build without screens.

import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Browser } from "playwright-core";
import { launch } from "./browser";
import { findings, WCAG, wider } from "./sound";

const SOURCE = new URL("../../crates/local-api/src/pages.rs", import.meta.url);
let browser: Browser;

beforeAll(async () => {
  browser = await launch();
});

afterAll(() => browser.close());

it.each([["STALE_CODE", "no longer works"], ["NOT_BUILT", "carries no web pages"]])("%s is sound", async (name, words) => {
  const literal = new RegExp(`const ${name}: &str = "((?:[^"\\\\]|\\\\[^])*)";`).exec(await readFile(SOURCE, "utf8"))?.[1] ?? "";
  // A line of Rust may end in a backslash; then the next one's indent does not count.
  const html = literal.replace(/\\\n\s*/g, "").replace(/\\n/g, "\n").replace(/\\"/g, '"');
  expect(html).toContain(words);
  for (const colorScheme of ["light", "dark"] as const) {
    for (const width of [900, 390]) {
      const page = await browser.newPage({ viewport: { width, height: 800 }, colorScheme });
      await page.setContent(html);
      expect({ colorScheme, width, findings: await findings(page, WCAG) }).toEqual({ colorScheme, width, findings: [] });
      expect((await page.evaluate(wider))[0]).toBe(0);
      await page.close();
    }
  }
});
