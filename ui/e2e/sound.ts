// What must hold of every page however it is worn: the accessibility checker finds nothing, nothing reaches out of its
// place, nothing moves for somebody who asked for that.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Browser, Page } from "playwright-core";
import { launch, serveFake, watch, type Served } from "./browser";
import { PAGES, type Wear } from "./pages";
import { visit, wear } from "./visit";

/** WCAG 2.2 at level AA. */
export const WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
/** And what the checker itself recommends. */
const TAGS = [...WCAG, "best-practice"];
const CHECKER = readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

interface Finding {
  id: string;
  nodes: { html: string; failureSummary?: string }[];
}

/** What the checker has to say about the page as it stands. */
export async function findings(page: Page, tags: readonly string[] = TAGS): Promise<{ id: string; nodes: string[] }[]> {
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(await CHECKER);
  return page.evaluate(async (wanted) => {
    const { axe } = globalThis as unknown as { axe: { run: (o: unknown) => Promise<{ violations: Finding[] }> } };
    return (await axe.run({ runOnly: wanted, resultTypes: ["violations"] })).violations.map((v) => ({
      id: v.id,
      nodes: v.nodes.map((n) => `${n.html} ${n.failureSummary ?? ""}`).slice(0, 3),
    }));
  }, tags);
}

/** By how much the page and its main part are wider than what is seen of them. */
export function wider(): number[] {
  return [document.documentElement, document.querySelector("main")].map((e) => (e ? e.scrollWidth - e.clientWidth : 0));
}

/** Texts that reach out of their card without being cut or scrolled there. */
function outside(): string[] {
  const found: string[] = [];
  for (const card of document.querySelectorAll(".card")) {
    const right = card.getBoundingClientRect().right;
    const walker = document.createTreeWalker(card, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const range = document.createRange();
      range.selectNodeContents(node);
      const reach = range.getBoundingClientRect();
      if (reach.width <= 1 || reach.right <= right + 1) continue;
      let cut = false;
      for (let e = node.parentElement; e && e !== card.parentElement; e = e.parentElement) cut ||= getComputedStyle(e).overflowX !== "visible";
      if (!cut) found.push(node.textContent?.trim().slice(0, 40) ?? "");
    }
  }
  return found;
}

/** What moves by itself. */
export function moving(): string[] {
  return document.getAnimations().map((a) => `${a instanceof CSSAnimation ? a.animationName : a.constructor.name}`);
}

/** A test for each page of the list at one size; `worn` says how page number `i` is worn. */
export function everyPageIsSound(width: number, height: number, worn: (i: number) => readonly Wear[]): void {
  let browser: Browser;
  let served: Served;
  let page: Page;
  let wrong: string[];

  beforeAll(async () => {
    browser = await launch();
    served = await serveFake();
    // Under the hosts' policy: what it refuses is said in the console.
    ({ page, wrong } = await watch(browser, { viewport: { width, height }, reducedMotion: "reduce", locale: "en-US" }));
  });

  afterAll(async () => {
    await browser.close();
    await served.close();
  });

  it.each(PAGES.map((shown, i) => [shown.name, i] as const))(`%s is sound at ${width}×${height}`, async (_name, i) => {
    const [first, ...others] = worn(i);
    const shown = PAGES[i];
    if (!first || !shown) throw new Error("nothing to look at");
    await visit(page, served.base, shown, first);
    for (const now of [first, ...others]) {
      if (now !== first) await wear(page, served.base, shown, now);
      const found = {
        lang: await page.getAttribute("html", "lang"),
        theme: await page.getAttribute("html", "data-theme"),
        findings: await findings(page),
        wider: await page.evaluate(wider),
        outside: await page.evaluate(outside),
        moving: await page.evaluate(moving),
      };
      expect(found).toEqual({ lang: now.lang === "en" ? "en" : "zh-TW", theme: now.theme, findings: [], wider: [0, 0], outside: [], moving: [] });
    }
  });

  it("says nothing in the console meanwhile", () => {
    expect(wrong).toEqual([]);
  });
}
