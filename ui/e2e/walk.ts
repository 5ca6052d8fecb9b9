// A walk over a page with the Tab key alone.

import type { Page } from "playwright-core";

/** Lets a page read the names that the browser tells screen readers. */
export const NAMES = "--enable-blink-features=ComputedAccessibilityInfo";

export interface Walk {
  /** What Tab must stop at, in the order of the document; a long list stands there once. */
  wanted: string[];
  /** What it stopped at. */
  stopped: string[];
  nameless: string[];
  /** Where nothing shows that the focus is there. */
  unseen: string[];
  /** Controls that no Tab and no arrow leads to. */
  beyond: string[];
}

interface Walker {
  begin: () => { wanted: string[]; beyond: string[] };
  /** True once the walk has left the page, or begins anew. */
  over: () => Promise<boolean>;
  end: () => Omit<Walk, "wanted" | "beyond">;
}

function install(): void {
  const CONTROLS = "a[href], button, input, select, textarea, summary, [tabindex]";
  const LIST = "[aria-posinset]";
  const word = (e: Element): string => {
    const said = e.getAttribute("aria-label") ?? e.textContent?.trim().replace(/\s+/g, " ").slice(0, 40) ?? "";
    return `${e.tagName.toLowerCase()} ${(e as HTMLElement).dataset["testid"] ?? e.id} ${said}`.trim();
  };
  /** A row of a long list, of which only those in view are there, goes by the name of its list. */
  const rowOf = (e: Element): Element | null => e.closest(LIST);
  const numbers = new Map<Element, number>();
  const key = (e: Element): string => {
    const row = rowOf(e);
    if (row) return `rows of ${word(row.closest("[data-count]") ?? row)}`;
    if (!numbers.has(e)) numbers.set(e, numbers.size);
    return `${numbers.get(e)} ${word(e)}`;
  };
  const root = (): Element => document.querySelector("dialog:modal") ?? document.body;
  const seen = (e: Element): boolean => e.checkVisibility({ visibilityProperty: true }) && e.getClientRects().length > 0;
  /** Rows of the list that is walked through in which there is nothing to stop at, by their place. */
  const bare = new Set<number>();
  const stops: { element: Element; key: string; place: number; passed: number; ring: boolean; name: string }[] = [];
  let over = false;
  let rest = 0;
  /** The place from which rows with nothing to stop at lead to this one. */
  const passedTo = (place: number): number => {
    let before = place - 1;
    while (bare.has(before)) before -= 1;
    return before;
  };
  const note = (event: FocusEvent): void => {
    const element = event.target as Element;
    const row = rowOf(element);
    if (!row && stops.some((s) => s.element === element)) {
      over = true;
      return;
    }
    if (row && stops.at(-1)?.key !== key(element)) bare.clear();
    for (const other of row?.closest("[data-count]")?.querySelectorAll(LIST) ?? []) {
      const place = Number(other.getAttribute("aria-posinset"));
      if (other.querySelector(CONTROLS) === null) bare.add(place);
      else bare.delete(place);
    }
    const style = getComputedStyle(element);
    const ring = (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2) || style.boxShadow.includes("inset");
    const { computedName: name } = element as unknown as { computedName: string };
    const place = Number(row?.getAttribute("aria-posinset") ?? 0);
    stops.push({ element, key: key(element), place, passed: passedTo(place), ring, name });
    rest = 0;
  };
  const walker: Walker = {
    begin: () => {
      const all = [...root().querySelectorAll<HTMLElement>(CONTROLS)].filter((e) => seen(e) && !e.matches(":disabled"));
      const wanted = all.filter((e) => e.tabIndex >= 0).map(key);
      // One of a group takes the Tab, the arrows go to the others.
      const beyond = all.filter((e) => e.tabIndex < 0 && e.matches("a, button, input, select, textarea") && e.parentElement?.querySelector("[tabindex='0']") == null).map(word);
      // The walk begins before everything, wherever the focus was.
      const start = document.createElement("span");
      start.tabIndex = -1;
      root().prepend(start);
      start.focus();
      start.remove();
      document.addEventListener("focusin", note);
      return { wanted: wanted.filter((k, i) => k !== wanted[i - 1]), beyond };
    },
    over: async () => {
      // The next rows of a long list are there once it has scrolled and was drawn.
      const frame = (): Promise<unknown> => new Promise(requestAnimationFrame);
      if (document.activeElement?.closest(LIST)) await frame().then(frame);
      rest += 1;
      return over || (rest > 3 && stops.length > 0);
    },
    end: () => {
      document.removeEventListener("focusin", note);
      const stopped: string[] = [];
      let place = 0;
      for (const stop of stops) {
        const again = stop.place > 0 && stop.key === stopped.at(-1);
        // Inside a list it goes from each row to the next at which it can stop.
        if (!again) stopped.push(stop.key);
        else if (stop.passed !== place) stopped.push(`${stop.key}: ${stop.place} after ${place}`);
        place = stop.place;
      }
      const last = stops.findLast((s) => s.place > 0);
      const size = Number(last ? (rowOf(last.element)?.getAttribute("aria-setsize") ?? last.place) : 0);
      if (last && last.place < size) stopped.push(`only ${last.place} of ${size} rows`);
      return { stopped, nameless: stops.filter((s) => s.name.trim() === "").map((s) => s.key), unseen: stops.filter((s) => !s.ring).map((s) => s.key) };
    },
  };
  (globalThis as unknown as { walker: Walker }).walker = walker;
}

/** Presses Tab from the beginning of the page, or of its open dialog, until it is through. */
export async function walk(page: Page): Promise<Walk> {
  await page.evaluate(install);
  const walker = <K extends keyof Walker>(what: K): Promise<Awaited<ReturnType<Walker[K]>>> =>
    page.evaluate(async (name): Promise<unknown> => (globalThis as unknown as { walker: Walker }).walker[name](), what) as Promise<Awaited<ReturnType<Walker[K]>>>;
  const begun = await walker("begin");
  for (let i = 0; i < 1_000; i += 1) {
    await page.keyboard.press("Tab");
    if (await walker("over")) break;
  }
  return { ...begun, ...(await walker("end")) };
}
