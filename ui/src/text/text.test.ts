import { readdirSync, readFileSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import en from "../../messages/en.json";
import zhTW from "../../messages/zh-TW.json";
import { SCENES } from "../platform/fake/scenes";
import { problem, snapshot } from "../platform/fake/world";
import { ACTION_OF } from "./actions";
import { ACTIONS, actionText, detail, sentence, SENTENCES } from "./errors";
import { ago, bytes, bytesPerSecond, cores, cpt, day, duration, moment, percent } from "./format";
import { fixText } from "./fixes";
import { opened, proofText } from "./proofs";
import rehearsed from "./rehearsed.json";
import { readHours } from "../model/hours";
import { REACH_WHYS } from "./network";
import { chooseLocale, locale } from "./locale.svelte";
import { tell } from "./sentence";
import { firstSteps, isFresh } from "./first-steps";
import { allowedText, choiceWord, controlOf, helpOf, hoursKind, hoursText, labelOf } from "./settings";
import { alert, check, CLASSES, exitClass, holdsByRule, LEVELS, outcome, PHASES, phase, POOL_STATES, REACHES, REASONS, STATES, VERDICTS, verdict } from "./words";

afterEach(() => locale.choose("en"));

it("says of a time that is no date that it is not known", () => {
  for (const ms of [8.64e15 + 1, -9e15, Infinity, NaN]) expect([ms, moment(ms)]).toEqual([ms, en.unknown]);
  expect(moment(8.64e15)).not.toBe(en.unknown);
});

const han = /\p{Script=Han}/u;
const TABLES = { SENTENCES, ACTIONS, STATES, POOL_STATES, REACHES, REACH_WHYS, REASONS, LEVELS, PHASES, VERDICTS, CLASSES };

/** The words of a union type as the generated file writes them. */
function wordsOf(file: string): string[] {
  const text = readFileSync(new URL(`../generated/${file}.ts`, import.meta.url), "utf8");
  return [...text.slice(text.indexOf("export type")).matchAll(/"([A-Za-z_]+)"/g)].map((m) => m[1] ?? "");
}

describe("catalogue", () => {
  it("has the same messages with the same variables in both languages", () => {
    expect(Object.keys(zhTW)).toEqual(Object.keys(en));
    const variables = (value: unknown): string[] =>
      [...new Set([...JSON.stringify(value).matchAll(/\{(\w+)\}/g)].map((m) => m[1] ?? ""))].sort();
    const chinese: Record<string, unknown> = zhTW;
    for (const [key, value] of Object.entries(en)) expect([key, variables(chinese[key])]).toEqual([key, variables(value)]);
  });

  it("holds no message that nothing says", () => {
    const root = new URL("../", import.meta.url).pathname;
    const files = readdirSync(root, { recursive: true, encoding: "utf8" });
    const sources = files.filter((f) => /\.(svelte|ts)$/.test(f) && !f.startsWith("generated") && !f.endsWith(".test.ts"));
    const text = sources.map((f) => readFileSync(`${root}${f}`, "utf8")).join("\n");
    const said = new Set([...text.matchAll(/\bm\.(\w+)/g)].map((m) => m[1]));
    expect(Object.keys(en).filter((key) => key !== "$schema" && !said.has(key))).toEqual([]);
  });

  it("has Chinese for everything but names and formulas", () => {
    const same = Object.entries(zhTW).filter(([, text]) => typeof text === "string" && !han.test(text));
    expect(same.map(([key]) => key).filter((key) => key !== "$schema").sort()).toEqual(
      ["app_name", "app_short", "chart_summary", "check_gpu", "cpt", "cpt_amount", "cpu", "csv", "gpus", "granted_gpus", "hours_as", "hours_span", "list_comma",
      "named_value", "pull_of", "refused_about", "said_and", "size_value", "task_cpu", "task_gpus", "unit_value", "used_of"],
    );
  });

  it("says every code, state and word of the API in both languages", () => {
    expect(Object.keys(SENTENCES).sort()).toEqual(wordsOf("ErrorCode").sort());
    expect(Object.keys(ACTIONS).sort()).toEqual(wordsOf("Action").sort());
    expect(Object.keys(STATES).sort()).toEqual(wordsOf("StatusState").sort());
    expect(Object.keys(REASONS).sort()).toEqual(wordsOf("DecisionReason").sort());
    expect(Object.keys(POOL_STATES).sort()).toEqual(wordsOf("PoolState").sort());
    expect(Object.keys(REACHES).sort()).toEqual(wordsOf("Reach").sort());
    expect(Object.keys(REACH_WHYS).sort()).toEqual(wordsOf("ReachWhy").sort());
    for (const [name, table] of Object.entries(TABLES)) {
      for (const [word, text] of Object.entries(table)) {
        locale.choose("en");
        const english = text();
        locale.choose("zh-tw");
        expect([name, word, han.test(text())]).toEqual([name, word, true]);
        expect([name, word, english === "" || han.test(english)]).toEqual([name, word, false]);
      }
    }
  });

  it("offers for each code the action that the worker offers", () => {
    const rust = readFileSync(new URL("../../../crates/control/src/error.rs", import.meta.url), "utf8");
    const snake = (name: string): string => name.replace(/(?<=[a-z])(?=[A-Z])/g, "_");
    const arms = [...rust.matchAll(/((?:Self::\w+\s*\|?\s*)+)=> (?:\{\s*)?(?:Some\(Action::(\w+)\)|None)/g)];
    const theirs = arms.flatMap(([, codes = "", action]) =>
      [...codes.matchAll(/Self::(\w+)/g)].map(([, code = ""]) => [
        snake(code).toUpperCase(),
        action ? snake(action).toLowerCase() : null,
      ]),
    );
    expect(Object.fromEntries(theirs)).toEqual(ACTION_OF);
  });

  it("says what to do about every finding that the worker has, in both languages", () => {
    const rust = ["judge.rs", "judge/link.rs", "page.rs"].map((file) => readFileSync(new URL(`../../../crates/worker/src/runtime/doctor/${file}`, import.meta.url), "utf8")).join("\n");
    const sentences = [...rust.matchAll(/"([A-Z][^"\n]*\.)"/g)].map(([, text = ""]) => text);
    expect(sentences.length).toBeGreaterThan(30);
    for (const sentence of sentences) {
      locale.choose("en");
      // Settings have names here, not keys.
      expect(fixText(sentence)).toEqual({ text: sentence.replace(/ \(\w+_\w+\)/, ""), ours: true });
      locale.choose("zh-tw");
      expect([sentence, han.test(fixText(sentence).text)]).toEqual([sentence, true]);
    }
    expect(fixText("Something newer.")).toEqual({ text: "Something newer.", ours: false });
  });

  it("says in both languages what each check saw, and what it would see with each fault", () => {
    // What is told in easier words or units than the worker's own.
    const easier = /isolation: |^plain: |handshake \d|\d s (behind|ahead of)|readings are impossible|cannot be read|manifest unknown|no NVIDIA driver|^a task could: |handshake|\d\.0 GiB/;
    for (const [fault, told] of Object.entries(rehearsed)) {
      for (const { proof } of told) {
        locale.choose("en");
        if (!easier.test(proof)) expect(proofText(proof).text).toBe(proof);
        locale.choose("zh-tw");
        const said = proofText(proof);
        // Names and numbers alone are no words.
        const names = proof === "NVIDIA GeForce RTX 4070";
        if (!names) expect([fault, proof, said.ours, han.test(said.text)]).toEqual([fault, proof, true, true]);
        // Each attempt is one that the self-test makes.
        if (proof.startsWith("a task could: ")) expect(said.text).not.toMatch(/[a-z]/i);
      }
    }
    locale.choose("en");
    expect(proofText("of a newer worker")).toEqual({ text: "of a newer worker", ours: false });
    expect(["signed in as ann", "no NVIDIA driver", "https://pool.example answers", "/var/run/docker.sock: refused", "plain：隔離", "hivemind-netd is away"].map(opened)).toEqual(
      ["Signed in as ann", "No NVIDIA driver", "https://pool.example answers", "/var/run/docker.sock: refused", "plain：隔離", "hivemind-netd is away"],
    );
  });

  it("shows unknown words as they are, also those that every object has", () => {
    for (const word of ["of_a_newer_worker", "constructor", "__proto__", "toString"]) {
      expect(phase(word)).toBe(word);
      expect(verdict(word)).toBe(word);
      expect(check(word)).toBe(word);
      expect(labelOf(word)).toBe(word);
    }
    expect(sentence({ code: "NEWER" as never, message: "plain words" })).toBe("plain words");
  });

  it("offers to update an engine that is there", () => {
    expect(["ENGINE_MISSING", "ENGINE_TOO_OLD", "ENGINE_VULNERABLE"].map((code) => actionText("install_engine", code))).toEqual(["How to install it", "How to update it", "How to update it"]);
    expect(actionText("start_engine", "ENGINE_TOO_OLD")).toBe("How to start it");
  });

  it("does not repeat itself in the detail", () => {
    expect(detail(problem("ENGINE_STOPPED", "Docker isn't running."))).toBeNull();
    expect(detail(problem("ENGINE_STOPPED", "  "))).toBeNull();
    expect(detail(problem("ENGINE_STOPPED", "socket refused"))).toBe("socket refused");
  });
});

describe("tasks that give way", () => {
  it("are told to be frozen, by their word and below the sentence", () => {
    const frozen = SCENES.frozen(0);
    expect(frozen.tasks.map((t) => outcome(t).text)).toEqual(["Frozen", "Frozen"]);
    expect(outcome({ phase: "collecting", verdict: "succeeded", frozen: true }).text).toBe("Succeeded");
    expect(tell(frozen, 0).reason).toContain("frozen");
    expect(tell(SCENES.yielding(), 0).reason).not.toContain("frozen");
  });

  it("after failures in a row, in both languages, that only the owner goes on", () => {
    for (const language of ["en", "zh-tw"]) {
      locale.choose(language);
      expect(tell(SCENES.breaker(), 0).reason).toMatch(/until you resume|按下「繼續」之前/);
    }
  });
});

describe("rules", () => {
  it("can be set aside where they stand below the owner's word, and nothing else can", () => {
    const reasons = wordsOf("DecisionReason");
    const below = reasons.slice(reasons.indexOf("forced") + 1, reasons.indexOf("free"));
    expect(below.length).toBeGreaterThan(8);
    expect(reasons.filter((reason) => holdsByRule(reason as never))).toEqual(below);
  });
});

describe("language", () => {
  it("is the owner's choice, else the system's, else English", () => {
    expect(chooseLocale("zh-tw", ["en-US"])).toBe("zh-TW");
    expect(chooseLocale("en", ["zh-TW"])).toBe("en");
    expect(chooseLocale("auto", ["de-DE", "zh-Hant-TW", "en"])).toBe("zh-TW");
    expect(chooseLocale("auto", ["zh_TW.UTF-8".replace("_", "-")])).toBe("zh-TW");
    expect(chooseLocale("auto", ["C"])).toBe("en");
    expect(chooseLocale("auto", [])).toBe("en");
    expect(chooseLocale("auto", ["en-GB", "zh-TW"])).toBe("en");
  });
});

describe("numbers", () => {
  it("carry their units", () => {
    expect(cpt(1284)).toBe("1,284 CPT");
    expect(percent(0)).toBe("0 %");
    expect(percent(0.449)).toBe("0.4 %");
    expect(percent(9.96)).toBe("10 %");
    expect(percent(100)).toBe("100 %");
    expect(percent(null)).toBe("0 %");
    expect(percent(Number.NaN)).toBe("0 %");
    expect(bytes(0)).toBe("0 B");
    expect(bytes(1023)).toBe("1,023 B");
    expect(bytes(1024)).toBe("1 KiB");
    expect(bytes(1024 ** 2 - 1)).toBe("1 MiB");
    expect(bytes(1.5 * 1024 ** 3)).toBe("1.5 GiB");
    expect(bytes(183 * 1024 ** 3)).toBe("183 GiB");
    expect(bytes(2 ** 80)).toMatch(/ PiB$/);
    expect(bytes(-1)).toBe("0 B");
    expect(bytesPerSecond(2048)).toBe("2 KiB/s");
    expect(cores(1000)).toBe("1 core");
    expect(cores(4000)).toBe("4 cores");
    expect(cores(1500)).toBe("1.5 cores");
    locale.choose("zh-tw");
    expect(cores(1500)).toBe("1.5 核心");
    expect(cpt(1284)).toBe("1,284 CPT");
  });

  it("tell spans in their two largest units", () => {
    expect(duration(0)).toBe("0 s");
    expect(duration(450)).toBe("450 ms");
    expect(duration(59_999)).toBe("59 s");
    expect(duration(600_000)).toBe("10 min");
    expect(duration(212_000)).toBe("3 min 32 s");
    expect(duration(3_600_000)).toBe("1 h");
    expect(duration(3_660_000)).toBe("1 h 1 min");
    expect(duration(90_000_000)).toBe("1 d 1 h");
    expect(duration(-5)).toBe("0 s");
    expect(ago(1000, 2000)).toBe("just now");
    expect(ago(0, 120_000)).toBe("2 min ago");
    locale.choose("zh-tw");
    expect(duration(212_000)).toBe("3 分 32 秒");
    expect(ago(0, 120_000)).toBe("2 分鐘前");
  });

  it("leave local days where they are", () => {
    expect(day("2026-11-21")).toBe("Sat, Nov 21, 2026");
    expect(day("2026-01-01", "short")).toBe("1/1");
    expect(day("not a day")).toBe("not a day");
    locale.choose("zh-tw");
    expect(day("2026-11-21")).toContain("2026年11月21日");
  });
});

describe("the one sentence", () => {
  it("exists for every scene in both languages", () => {
    for (const language of ["en", "zh-tw"]) {
      locale.choose(language);
      for (const [name, make] of Object.entries(SCENES)) {
        const told = tell(make(1_000_000), 1_000_000);
        expect([name, told.headline.length > 3]).toEqual([name, true]);
        expect([name, han.test(told.headline)]).toEqual([name, language === "zh-tw"]);
      }
    }
  });

  it("counts and waits", () => {
    const now = 1_000_000;
    expect(tell(SCENES.earning(now), now).headline).toBe("Earning with 2 tasks");
    expect(tell(SCENES.draining(now), now).headline).toBe("Finishing 1 task, then stopping");
    expect(tell(SCENES.reconnecting(now), now).headline).toBe("Reconnecting… try 3, next in 8 s");
    expect(tell(SCENES.reconnecting(now), now + 9000).headline).toBe("Reconnecting… try 3");
    expect(tell(SCENES.engine(), now).headline).toBe("Docker isn't running");
    expect(tell(SCENES.yielding(), now).headline).toBe("Paused — you're\u00a0using the computer");
    const { status, decision } = SCENES.yielding();
    const hours = snapshot({ status, decision: { ...decision, reason: "schedule", until: "18:00" } });
    expect(tell(hours, now)).toEqual({
      headline: "Paused — it\u00a0is outside the hours you chose",
      reason: "No new tasks are taken before 18:00.",
    });
    const snoozed = snapshot({ status: { ...status, state: "snoozed" }, decision: { ...decision, reason: "snoozed", until: "15:40" } });
    expect(tell(snoozed, now).headline).toBe("Snoozed until 15:40");
  });

  it("says what is left after stopping", () => {
    const off = { ...SCENES.off(), tasks: SCENES.draining(0).tasks };
    expect(tell(off, 0).headline).toBe("Not contributing — delivering 1 last result");
  });

  it("tells something when the worker names no problem", () => {
    const odd = snapshot({ status: { state: "needs_you", contributing: true, draining: false, running_tasks: 0, problem: null } });
    expect(tell(odd, 0).headline).toBe("Something needs your attention");
  });
});

describe("outcomes", () => {
  it("tell how it ended, or what is being done", () => {
    expect(outcome({ phase: "running", verdict: null })).toEqual({ text: "Running", tone: "busy" });
    expect(outcome({ phase: "settled", verdict: "succeeded" }).tone).toBe("good");
    expect(outcome({ phase: "settled", verdict: "timed_out" }).tone).toBe("bad");
    expect(outcome({ phase: "lease_lost", verdict: "succeeded" }).text).toBe("Given to another computer");
  });
});

describe("words of the API", () => {
  it("say what is above its threshold, every one that the worker knows", () => {
    const rust = readFileSync(new URL("../../../crates/local-api/src/metrics.rs", import.meta.url), "utf8");
    const list = /\[("cpu_high"[^\]]+)\]/.exec(rust)?.[1] ?? "";
    const words = [...list.matchAll(/"(\w+)"/g)].map((m) => m[1] ?? "");
    expect(words.length).toBeGreaterThan(4);
    locale.choose("zh-tw");
    for (const word of words) expect([word, han.test(alert(word))]).toEqual([word, true]);
    expect(["of_a_newer_worker", "toString"].map(alert)).toEqual(["超過其他門檻。", "超過其他門檻。"]);
  });

  it("say how a report ends, by verdict or by class", () => {
    expect(exitClass("succeeded")).toBe("Succeeded");
    expect(exitClass("out_of_memory")).toBe("It needed more memory than granted");
    expect(exitClass("of_a_newer_worker")).toBe("of_a_newer_worker");
  });
});

describe("the first steps", () => {
  it("show only to somebody who is not signed in and not on the way", () => {
    const shown = Object.entries(SCENES).filter(([, make]) => isFresh(make(0)));
    expect(shown.map(([name]) => name).sort()).toEqual(["fresh", "sign_in"]);
  });

  it("are done one by one", () => {
    const done = (s: ReturnType<typeof snapshot>): boolean[] => firstSteps(s).map((step) => step.done);
    expect(done(SCENES.fresh())).toEqual([true, false, false]);
    expect(done(SCENES.engine())).toEqual([false, true, true]);
    expect(done(snapshot())).toEqual([true, true, true]);
  });
});

describe("settings", () => {
  const rust = readFileSync(new URL("../../../crates/domain/src/settings.rs", import.meta.url), "utf8");
  const table = rust.slice(rust.indexOf("\nkeys! {"), rust.indexOf("\n}", rust.indexOf("\nkeys! {")));
  const keys = [...table.matchAll(/^ {4}(\w+) /gm)].map((m) => m[1] ?? "");

  it("have a name and a help in both languages, every one of the worker's", () => {
    expect(keys.length).toBeGreaterThan(15);
    for (const key of keys) {
      expect([key, labelOf(key) !== key, helpOf(key) !== null]).toEqual([key, true, true]);
    }
  });

  it("get the control that fits", () => {
    expect(controlOf({ allowed: "true or false" })).toEqual({ kind: "flag" });
    expect(controlOf({ allowed: "one of auto, en, zh-tw" })).toEqual({ kind: "choice", words: ["auto", "en", "zh-tw"] });
    expect(controlOf({ allowed: "a whole number from 1 to 64" })).toEqual({ kind: "integer" });
    expect(controlOf({ allowed: "something new" })).toEqual({ kind: "text" });
  });

  it("offer choices in the reader's language, every one of the worker's", () => {
    locale.choose("zh-tw");
    const latin = new Set(["language/en", "pool_dialect/v1", "pool_dialect/nodepool"]);
    const rows = [...table.matchAll(/^ {4}(\w+) .*Kind::Choice\(&\[([^\]]+)\]/gm)];
    expect(rows.length).toBeGreaterThan(4);
    for (const [, key = "", list = ""] of rows) {
      for (const [, word = ""] of list.matchAll(/"([^"]+)"/g)) {
        expect([key, word, han.test(choiceWord(key, word))]).toEqual([key, word, !latin.has(`${key}/${word}`)]);
      }
    }
    expect(han.test(choiceWord("minimum_isolation", "userns"))).toBe(true);
  });

  it("say what is allowed in the reader's language, as the worker words it", () => {
    const allowed = [...rust.slice(rust.indexOf("fn allowed"), rust.indexOf("fn check")).matchAll(/=> (?:\{\s*)?(?:format!\()?"([^"]+)"/g)]
      .map((m) => (m[1] ?? "").replace("{min}", "1").replace("{max}", "64"))
      .filter((text) => !text.startsWith("one of") && text !== "true or false");
    expect(allowed.length).toBeGreaterThan(4);
    for (const text of allowed) {
      // Hours have an example of their own, see below.
      if (!text.startsWith("hours ")) expect(allowedText(text)).toBe(text.replace("or nothing", "or empty"));
      locale.choose("zh-tw");
      expect([text, han.test(allowedText(text))]).toEqual([text, true]);
      locale.choose("en");
    }
  });

  it("show hours as a week, in words too, with an example that the worker takes", () => {
    const [hours = "", plan = ""] = [...rust.matchAll(/"(hours on half hours[^"]+)"/g)].map((m) => (m[1] ?? "").replaceAll(/\\\s+/g, ""));
    for (const [said, presets] of [[hours, false], [plan, true]] as const) {
      expect(controlOf({ allowed: said })).toEqual({ kind: "hours" });
      expect(hoursKind({ key: "schedule", allowed: said })).toEqual({ presets, never: false });
      for (const language of ["en", "zh-tw"]) {
        locale.choose(language);
        const example = /mon-fri [^;]+; sat,sun [\d:-]+(?: quiet)?/.exec(allowedText(said))?.[0] ?? "";
        expect([language, example, readHours(example, { presets }) !== null, example.endsWith("quiet")]).toEqual([language, example, true, presets]);
      }
    }
    expect(hoursText("mon-fri 18:00-08:00; sat,sun 00:00-24:00")).toBeNull();
    expect(hoursText("")).toBe("不限時段");
    expect(hoursText("mon-fri 18:00-08:00; sat,sun 10:00-20:00")).toBe("週一至週五 18:00–08:00 · 週六、週日 10:00–20:00");
    locale.choose("en");
    expect(hoursText("mon-wed,fri 18:00-23:00; sat 00:00-24:00")).toBe("Mon to Wed, Fri 18:00–23:00 · Sat all day");
    expect(hoursText("daily 22:00-06:30")).toBe("Every day 22:00–06:30");
  });

  it("say the preset of hours, and that there are none where an empty text means none", () => {
    const plan = "mon-fri 18:00-08:00 quiet; sat,sun 10:00-20:00";
    expect([hoursText(plan), hoursText(plan, { presets: true })]).toEqual([null, "Mon to Fri 18:00–08:00 (Quiet) · Sat, Sun 10:00–20:00"]);
    expect([hoursText(""), hoursText("", { never: true }), hoursText("daily 00:00-24:00 max", { presets: true })]).toEqual(["Always", "No hour chosen", "Every day all day (Max)"]);
    expect(hoursKind({ key: "electricity_cheap_hours", allowed: "hours on half hours" })).toEqual({ presets: false, never: true });
    locale.choose("zh-tw");
    expect(hoursText(plan, { presets: true })).toBe("週一至週五 18:00–08:00（安靜） · 週六、週日 10:00–20:00");
  });
});
