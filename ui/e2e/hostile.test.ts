// Every hostile text of the list that the worker's tests read too, wherever a stranger's words can stand, in a real
// browser: it stays text. The worker behind these pages lets everything through, so what holds here, holds twice.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Browser, Page } from "playwright-core";
import { around, HARMLESS, TEXTS } from "../src/platform/fake/stranger";
import { plainLine } from "../src/platform/printable";
import { launch, serveFake, watch, type Served } from "./browser";
import { PAGES, type Shown } from "./pages";
import { settled, visit } from "./visit";

/** Screens on which a stranger's words stand in the most places; each text on each of them. */
const SCREENS = ["home-asked", "task-failed"];

/** Every other screen to which they come, also in a dialog; all texts behind one another. */
const MORE = [
  "tasks-many", "log-task", "resources-gpu", "health", "log", "about",
  "home", "home-engine", "home-help", "home-reconnecting", "home-breaker", "home-lost", "home-sign-in", "tasks", "tasks-history", "tasks-stop", "tasks-frozen", "tasks-lost",
  "task", "task-unknown", "resources-alerts", "resources-disk-day", "earnings", "earnings-cost", "earnings-ledger", "health-tunnel", "health-proof", "health-help", "log-of-task", "log-support",
  "settings", "settings-programs", "settings-hosts", "settings-images", "settings-link", "welcome-2-engine", "welcome-3-done", "welcome-5-signed-in", "more",
];

const EVERYTHING = TEXTS.map(({ text }) => text).join(" ");

interface Found {
  /** How often each element is there. */
  elements: Record<string, number>;
  /** Attributes that act, elements that nobody of ours makes, and characters that are not seen. */
  wrong: string[];
  /** How often the text is there, in text and in attributes. */
  said: number;
}

let browser: Browser;
let served: Served;
const harmless = new Map<string, Promise<Found>>();

beforeAll(async () => {
  browser = await launch();
  served = await serveFake();
});

afterAll(async () => {
  await browser.close();
  await served.close();
});

function shown(name: string): Shown {
  const found = PAGES.find((one) => one.name === name);
  if (!found) throw new Error(`no page ${name}`);
  return found;
}

/** Looks at every node of the page. */
function look(text: string): Found {
  const hidden = /[\u{0}-\u{8}\u{b}-\u{1f}\u{7f}-\u{9f}\u{ad}\u{34f}\u{61c}\u{115f}\u{1160}\u{17b4}\u{17b5}\u{180b}-\u{180f}\u{200b}-\u{200f}\u{2028}-\u{202e}\u{2060}-\u{206f}\u{3164}\u{feff}\u{ffa0}\u{fff9}-\u{fffb}\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e01ef}]/u;
  const found: Found = { elements: {}, wrong: [], said: 0 };
  const read = (words: string, where: string): void => {
    found.said += words.split(text).length - 1;
    const mark = hidden.exec(words)?.[0].codePointAt(0);
    if (mark !== undefined) found.wrong.push(`U+${mark.toString(16)} in ${where}: ${words.slice(0, 60)}`);
  };
  const begin = document.querySelector("html");
  const all = document.createTreeWalker(document, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
  for (let node: Node | null = begin; node; node = all.nextNode()) {
    if (node instanceof Text) read(node.data, `the text of ${node.parentElement?.tagName}`);
    if (!(node instanceof Element)) continue;
    const name = node.tagName.toLowerCase();
    // Ours are the places where a line to be copied may break, and the marks on what is taken out for support.
    const ours = name === "mark" || (["span", "wbr"].includes(name) && node.closest("code") !== null);
    if (!ours) found.elements[name] = (found.elements[name] ?? 0) + 1;
    if (["iframe", "object", "embed", "base", "frame", "animate", "set"].includes(name)) found.wrong.push(`<${name}>`);
    for (const { name: attribute, value } of node.attributes) {
      if (/^on|^srcdoc$/iu.test(attribute) || /^\s*javascript:/iu.test(value)) found.wrong.push(`${name} ${attribute}=${value.slice(0, 60)}`);
      read(value, `${name} ${attribute}`);
    }
    if (node instanceof HTMLInputElement || node instanceof HTMLTextAreaElement) read(node.value, `the value of ${name}`);
  }
  return found;
}

/** What a screen becomes with the text that the scripted host goes by `which`. */
async function seen(screen: Shown, which: string, text: string): Promise<Found> {
  const { page, wrong } = await watch(browser, { viewport: { width: 1200, height: 800 }, reducedMotion: "reduce", locale: "en-US" });
  try {
    await acts(page);
    await visit(page, served.base, { ...screen, scene: `${screen.scene}&stranger=${which}` }, { lang: "en", theme: "light" });
    // A screen and its charts are fetched when they are opened.
    await page.waitForLoadState("networkidle");
    await settled(page);
    const found = await page.evaluate(look, text);
    const ran = await page.evaluate(() => (globalThis as unknown as { ran: string[] }).ran);
    return { ...found, wrong: [...found.wrong, ...ran, ...wrong] };
  } finally {
    await page.close();
  }
}

/** Whatever a text could do is noted; that it is asked for counts, whether the policy refuses it or not. */
async function acts(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const ran: string[] = [];
    const note = (what: string) => (): void => {
      ran.push(`${what} was called`);
    };
    Object.assign(globalThis, { ran, alert: note("alert"), confirm: note("confirm"), prompt: note("prompt"), open: note("open") });
    document.addEventListener("securitypolicyviolation", (e) => ran.push(`policy: ${e.violatedDirective} ${e.blockedURI}`));
  });
}

/** The screen with a harmless text in the same places. */
function twin(screen: Shown): Promise<Found> {
  const known = harmless.get(screen.name) ?? seen(screen, "twin", around(HARMLESS));
  harmless.set(screen.name, known);
  return known;
}

/** What is left of a text is looked for as the page has it: with nothing taken out of it that can be seen. */
const left = (text: string): string => plainLine(around(text));

describe.concurrent("a hostile text stays text", () => {
  it.each(TEXTS.map(({ name, text }, i) => [name, text, i] as const))("%s", { timeout: 300_000 }, async (_name, text, i) => {
    for (const name of SCREENS) {
      const [wanted, found] = [await twin(shown(name)), await seen(shown(name), String(i), left(text))];
      expect({ name, ...found }).toEqual({ name, ...wanted, wrong: [] });
    }
  });

  it.each(MORE)("all of them: %s", { timeout: 300_000 }, async (name) => {
    const [wanted, found] = [await twin(shown(name)), await seen(shown(name), "all", left(EVERYTHING))];
    // So long a text leaves room for fewer rows; it brings nothing that was not there.
    const kinds = ({ elements }: Found): string[] => Object.keys(elements).sort();
    expect({ name, kinds: kinds(found), wrong: found.wrong, said: found.said > 0 }).toEqual({ name, kinds: kinds(wanted), wrong: [], said: wanted.said > 0 });
  });
});

it("would be seen if it were not", async () => {
  for (const screen of SCREENS) expect({ screen, said: (await twin(shown(screen))).said > 0 }).toEqual({ screen, said: true });
  const page = await browser.newPage();
  await page.setContent("<p>a\u202eb</p><i title='\u200b'></i><a href='javascript:x()'></a><b onclick='x()'></b><iframe></iframe><p>a harmless text</p>");
  const found = await page.evaluate(look, "harmless");
  expect({ wrong: found.wrong.length, said: found.said, p: found.elements["p"] }).toEqual({ wrong: 5, said: 1, p: 2 });
  await page.close();
});
