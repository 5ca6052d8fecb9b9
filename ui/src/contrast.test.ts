// What is no text must stand out too, in both themes: 3 to 1 against its ground (WCAG 2.2, 1.4.11). No checker sees it.

import { readFileSync } from "node:fs";
import axe from "axe-core";
import { describe, expect, it } from "vitest";

const LEAST = 3;
const read = (name: string): string => readFileSync(new URL(name, import.meta.url), "utf8");
const STYLES = read("app.css");

/** The colours of a theme by name; the dark one changes some of the light one's. */
function colours(...heads: string[]): Map<string, string> {
  const blocks = heads.map((head) => STYLES.slice(STYLES.indexOf(`${head} {`)).split("}", 1)[0] ?? "");
  return new Map(blocks.flatMap((block) => [...block.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map(([, name, value]) => [name ?? "", value ?? ""] as const)));
}
const THEMES = { light: colours(":root"), dark: colours(":root", ':root[data-theme="dark"]') };

interface Channels {
  red: number;
  green: number;
  blue: number;
}
type Color = Channels & { parseHexString: (text: string) => void };
const tools = (axe as unknown as { commons: { color: { Color: new () => Color; getContrast: (ground: Color, shape: Color) => number } } }).commons.color;

function contrast(theme: keyof typeof THEMES, shape: string, ground: string): number {
  const [name = "", share = "100"] = shape.split("/");
  const colour = (of: string): Color => {
    const made = new tools.Color();
    made.parseHexString(THEMES[theme].get(of) ?? `no colour ${of}`);
    return made;
  };
  const [front, back] = [colour(name), colour(ground)];
  const part = Number(share) / 100;
  for (const channel of ["red", "green", "blue"] as const) front[channel] = Math.round(front[channel] * part + back[channel] * (1 - part));
  return tools.getContrast(back, front);
}

/** Where it is drawn, how it is written there, its colour, and what it may stand on. */
const GLYPH = "parts/StateGlyph.svelte";
const TIMELINE = "parts/Timeline.svelte";
const SHAPES: readonly (readonly [file: string, written: string, shape: string, grounds: readonly string[]])[] = [
  // On Home it stands on a card, beside the names of the screens on the page itself.
  [GLYPH, "state === 'needs_you' ? 'text-bad'", "bad", ["card", "page", "bad-wash"]],
  [GLYPH, "state === 'off' ? 'text-edge'", "edge", ["card", "page"]],
  [GLYPH, ": 'text-honey-ink'", "honey-ink", ["card", "page"]],
  [GLYPH, 'class="fill-honey stroke-honey-ink"', "honey-ink", ["card", "page"]],
  [GLYPH, 'class="stroke-on-honey"', "on-honey", ["honey"]],
  ["parts/Switch.svelte", "border-honey-ink bg-honey", "honey-ink", ["card", "page"]],
  ["parts/Switch.svelte", "border-edge bg-sunk", "edge", ["card", "page"]],
  ["parts/Switch.svelte", "bg-on-honey", "on-honey", ["honey"]],
  ["parts/Switch.svelte", "left-1 bg-edge", "edge", ["sunk"]],
  ["screens/Resources.svelte", 'colour: "--chart-whole"', "chart-whole", ["card"]],
  ["screens/Resources.svelte", 'colour: "--chart-ours"', "chart-ours", ["card"]],
  ["app.css", "outline: 2px solid var(--honey-ink)", "honey-ink", ["card", "page", "sunk", "honey-wash", "bad-wash", "warn-wash"]],
  ["app.css", "border: 1px solid var(--edge)", "edge", ["card"]],
  ["app.css", "linear-gradient(var(--honey-ink) 0 0)", "honey-ink", ["honey-wash"]],
  ["parts/Trust.svelte", "enough ? 'bg-(--chart-ours)'", "chart-ours", ["sunk"]],
  ["parts/Trust.svelte", ": 'bg-bad'", "bad", ["sunk"]],
  ["parts/Trust.svelte", "border border-edge bg-sunk", "edge", ["card", "sunk"]],
  ["parts/Trust.svelte", "border-l border-edge", "edge", ["card"]],
  ["parts/HoursGrid.svelte", "inset 0 -3px 0 var(--honey-ink)", "honey-ink", ["card", "sunk"]],
];

describe.each(["light", "dark"] as const)("in the %s theme", (theme) => {
  it("both themes were read", () => {
    expect(THEMES[theme].size).toBeGreaterThan(20);
  });

  it.each(SHAPES)("%s: %s stands out", (file, written, shape, grounds) => {
    expect(read(file), "drawn otherwise now: look which colours").toContain(written);
    expect(grounds.map((ground) => [ground, contrast(theme, shape, ground)]).filter(([, found]) => Number(found) < LEAST)).toEqual([]);
  });

  it("each kind of the day's timeline stands out", () => {
    const source = read(TIMELINE);
    const kinds = [...(/const COLOURS = \{([^}]+)\}/.exec(source)?.[1] ?? "").matchAll(/(\w+): "--([\w-]+)"/g)];
    expect(kinds.length).toBe(5);
    expect(source).toContain("bg-sunk dark:bg-line");
    const ground = theme === "light" ? "sunk" : "line";
    expect(kinds.map(([, kind, colour]) => [kind, contrast(theme, colour ?? "", ground)]).filter(([, found]) => Number(found) < LEAST)).toEqual([]);
  });
});

it("no state is drawn half transparent", () => {
  expect(read(GLYPH)).not.toMatch(/opacity=/);
});
