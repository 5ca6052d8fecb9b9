// Goes to a page of the list and does there what the list says.

import type { Page } from "playwright-core";
import { isBare, type Shown, type Step, type Wear } from "./pages";
import { selector } from "./place";

/** The page's own time stands still at this one, so that what is shown is the same every time. */
export const NOW = Date.parse("2026-11-21T14:05:30Z");
/** Nothing changed for so long: it is there. In milliseconds. */
const STILL = 120;
const AT_MOST = 3_000;
/** What is on its way is waited for so many times longer than what only moves: a busy machine is slow, not wrong. */
const LOADING_ROUNDS = 7;

/** Waits until nothing is on its way, and nothing is added, removed or changed any more. */
export async function settled(page: Page): Promise<void> {
  const left = await page.evaluate(
    ([still, most, rounds]) =>
      new Promise<number>((done) => {
        // The page's own clock may stand still.
        let round = 0;
        const loading = (): number => document.querySelectorAll("[data-loading]").length;
        let quiet: ReturnType<typeof setTimeout>;
        const end = (): void => {
          observer.disconnect();
          clearTimeout(quiet);
          clearInterval(late);
          done(loading());
        };
        const wait = (): void => {
          clearTimeout(quiet);
          quiet = setTimeout(() => (loading() === 0 ? end() : wait()), still);
        };
        const late = setInterval(() => {
          round += 1;
          if (loading() === 0 || round === rounds) end();
        }, most);
        const observer = new MutationObserver(wait);
        observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
        wait();
      }),
    [STILL, AT_MOST, LOADING_ROUNDS] as const,
  );
  if (left > 0) throw new Error(`${left} places still say that they load after ${(AT_MOST * LOADING_ROUNDS) / 1000} s`);
}

async function take(page: Page, step: Step): Promise<void> {
  const [, verb = "", place = "", text = ""] = /^(\w+) (.*?)(?: := (.*))?$/.exec(step) ?? [];
  const part = page.locator(selector(place)).first();
  switch (verb) {
    case "click":
      return part.click();
    case "fill":
      return part.fill(text);
    case "choose":
      await part.selectOption(text);
      return;
    case "wait":
      return part.waitFor({ state: "attached" });
    case "see":
      return part.scrollIntoViewIfNeeded();
    case "pass":
      return page.clock.setFixedTime(NOW + Number(place) * 1000);
    default:
      throw new Error(`nobody knows how to ${step}`);
  }
}

/** Tells the browser itself what it prefers, for a page that knows nothing better. */
async function prefer(page: Page, wear: Wear): Promise<void> {
  await page.emulateMedia({ colorScheme: wear.theme });
  const driver = await page.context().newCDPSession(page);
  const userAgent = await page.evaluate(() => navigator.userAgent);
  await driver.send("Emulation.setUserAgentOverride", { userAgent, acceptLanguage: wear.lang === "en" ? "en-US" : "zh-TW" });
}

/** Opens a page of the list and takes its steps. */
export async function visit(page: Page, base: string, shown: Shown, wear: Wear): Promise<void> {
  await page.clock.setFixedTime(NOW);
  if (isBare(shown)) await prefer(page, wear);
  // The name makes it another address; the same one would only be a jump inside the page.
  await page.goto(`${base}?scene=${shown.scene}&lang=${wear.lang}&theme=${wear.theme}&still=1&page=${shown.name}-${wear.lang}-${wear.theme}#/${shown.path}`);
  await page.locator("[data-testid=app], [data-testid=pairing], [data-testid=connecting]").waitFor();
  await settled(page);
  for (const step of shown.steps) await take(page, step);
  if (shown.steps.length > 0) await settled(page);
}

/** Changes language and theme of the page that is open, as its owner would: what is open and typed stays. */
export async function wear(page: Page, base: string, shown: Shown, next: Wear): Promise<void> {
  if (isBare(shown)) return visit(page, base, shown, next);
  await page.evaluate(({ lang, theme }) => {
    (globalThis as unknown as { hivemindFake: { wear: (lang: string, theme: string) => void } }).hivemindFake.wear(lang, theme);
  }, next);
  await settled(page);
}
