import { readFileSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import type { UpdatesView } from "../generated/UpdatesView";
import { locale } from "./locale.svelte";
import { found, isOwners, standing, tells } from "./updates";

afterEach(() => locale.choose("en"));

const SAID = readFileSync(new URL("../../../crates/app/src/words/updated.rs", import.meta.url), "utf8");
const BARE: UpdatesView = { version: "0.1.0", standing: "takes", package: null, looked_ms: null, newest: null, ready: null, next: "", why: null, tried: null };
const LANGUAGES = ["en", "zh-tw"] as const;
const texts = (view: Partial<UpdatesView>): string[] => found({ ...BARE, ...view }).map(({ text }) => text);
const why = (word: string): UpdatesView["why"] => ({ word, text: "as the worker says it" });
/** Pieces that are not to be torn apart are told apart by nothing else. */
const spaced = (text: string): string => text.replaceAll("\u00a0", " ");

/** Words and their Chinese sentences, as the terminal says them. */
function pairs(name: string): [word: string, chinese: string][] {
  const table = new RegExp(`const ${name}: [^=]+= &\\[([^;]+)\\];`).exec(SAID)?.[1] ?? "";
  return [...table.matchAll(/\("(\w+)", "([^"]+)"\)/g)].map(([, word = "", chinese = ""]) => [word, chinese]);
}

describe("updates", () => {
  it("are told for each kind of installation as the terminal tells them", () => {
    const kinds = ["takes", "off", "package", "msi", "no_key", "unknown"];
    for (const language of LANGUAGES) {
      locale.choose(language);
      const said = kinds.map((kind) => standing({ ...BARE, standing: kind, package: "deb" }));
      expect(new Set(said).size).toBe(kinds.length);
      for (const sentence of said) {
        // Where switches are and what the manager is called is said in another way.
        const known = sentence.replace("deb", "{package}").replace(/[.。]$/, "");
        expect(known).not.toBe("");
        expect([sentence, SAID.includes(known)]).toEqual([sentence, true]);
      }
      expect(said.map((sentence) => sentence.includes("deb"))).toEqual(kinds.map((kind) => kind === "package"));
    }
    expect(standing({ ...BARE, standing: "of_a_newer_worker" })).toBe("");
    expect(standing({ ...BARE, standing: "toString" })).toBe("");
    expect(kinds.filter((kind) => isOwners({ ...BARE, standing: kind }))).toEqual(["takes", "off"]);
  });

  it("are told by a worker that knows of them", () => {
    expect([tells({}), tells({ updates: { ...BARE, standing: "" } }), tells({ updates: BARE })]).toEqual([false, false, true]);
  });

  it("tell what was found, what comes next and why not", () => {
    const looked_ms = Date.UTC(2026, 10, 21, 12);
    expect(texts({})).toEqual(["Not looked for yet."]);
    expect(texts({ looked_ms, newest: "0.2.0", next: "offered" })).toEqual([
      expect.stringMatching(/^Looked for last on Nov 2\d, \d\d:00\.$/),
      "Version 0.2.0 is offered; the worker fetches it at its next look.",
    ]);
    expect(texts({ newest: "0.2.0", ready: "0.2.0", next: "ready" })).toContain("Version 0.2.0 lies ready and is put in place when no task would be lost.");
    expect(texts({ standing: "off", newest: "0.2.0", next: "known" })).toContain("The newest version is 0.2.0.");
    expect(texts({ newest: "0.1.0", next: "newest" })).toContain("This is the newest version.");
    // Whom a package manager looks after is told of no look, but of what was once tried here.
    expect(texts({ standing: "package", looked_ms, next: "offered", newest: "0.2.0" })).toEqual([]);
    const back = { version: "0.2.0", taken_back: { word: "ended", text: "it ended with exit status: 3" } };
    expect(found({ ...BARE, standing: "no_key", tried: back })).toEqual([{ text: "Version 0.2.0 did not become well and was taken back: it ended by itself.", wrong: true }]);
    expect(found({ ...BARE, standing: "package", tried: { ...back, taken_back: null } })).toEqual([{ text: "Version 0.2.0 was put in place.", wrong: false }]);
  });

  it("have a sentence for every reason, in Chinese the terminal's", () => {
    const [refused, undone] = [pairs("WHY"), pairs("TRIAL")];
    expect([refused.length, undone.length]).toEqual([23, 4]);
    const tell = (word: string, undoes: boolean): string =>
      spaced((undoes ? texts({ tried: { version: "0.2.0", taken_back: why(word) } })[0] : texts({ why: why(word) }).at(-1)) ?? "");
    const all = [...refused.map(([word, chinese]) => [word, chinese, false] as const), ...undone.map(([word, chinese]) => [word, chinese, true] as const)];
    for (const [word, chinese, undoes] of all) {
      locale.choose("zh-tw");
      expect(tell(word, undoes)).toContain(`：${chinese}。`);
      locale.choose("en");
      expect([word, /: [a-z][^\p{Script=Han}]+\.$/u.test(tell(word, undoes)), tell(word, undoes).includes("not known")]).toEqual([word, true, false]);
    }
    for (const word of ["of_a_newer_worker", "toString"]) for (const undoes of [false, true]) expect(tell(word, undoes)).toMatch(/: the reason is not known\.$/);
  });
});
