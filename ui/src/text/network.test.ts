import { readFileSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import type { ReachWhy } from "../generated/ReachWhy";
import { barred, failuresLeft, FIRST_TRUST, functionsOnly, isLive, isUnpaid, LEAST_TRUST, MOST_TRUST, networkLevel, networkTrouble, presentWhy } from "../model/network";
import { ledgerOf } from "../platform/fake/network";
import { type Scene, SCENES } from "../platform/fake/scenes";
import { settings } from "../platform/fake/settings";
import { snapshot, task } from "../platform/fake/world";
import { locale } from "./locale.svelte";
import { m } from "./messages";
import { joinCommand, networkFix, networkPay, payMissing, REACH_WHYS, reachWhy, trustWord } from "./network";
import { tell, withoutEngine } from "./sentence";
import { choiceWord, controlOf, groupOf, helpOf, labelOf } from "./settings";
import { network, reach, REACHES } from "./words";

afterEach(() => locale.choose("en"));

const han = /\p{Script=Han}/u;
const WHYS = Object.keys(REACH_WHYS) as ReachWhy[];
const live = SCENES.network_push(0).pool;
const standing = live.standing;
if (standing === null) throw new Error("the scene has a standing");
const KEYS = ["nodepool_work", "nodepool_port", "nodepool_key", "nodepool_proxy", "nodepool_scripts"];

describe("why work comes so", () => {
  it("is said in both languages, each in its own sentence", () => {
    for (const language of ["en", "zh-tw"]) {
      locale.choose(language);
      const said = WHYS.map(reachWhy);
      expect(new Set(said).size).toBe(WHYS.length);
      for (const [i, text] of said.entries()) expect([WHYS[i], han.test(text), /[.。]$/.test(text)]).toEqual([WHYS[i], language === "zh-tw", true]);
      const words = Object.keys(REACHES).map(reach);
      expect(new Set(words).size).toBe(3);
      for (const word of words) expect([word, han.test(word)]).toEqual([word, language === "zh-tw"]);
    }
  });

  it("is shown as it is where a newer worker has another word", () => {
    expect([reachWhy("of_a_newer_worker"), reachWhy("toString"), reach("sideways"), networkFix("toString")]).toEqual(["of_a_newer_worker", "toString", "sideways", null]);
    const pool = { ...live, standing: { ...standing, why: "toString" as ReachWhy } };
    expect(networkLevel(pool)).toBe("notice");
    expect(networkTrouble(pool)).toBe(false);
  });

  it("has a way out wherever its owner can do something, to a setting that there is", () => {
    const known = settings("en", "light", "ready").map(({ key }) => key);
    const none = WHYS.filter((why) => networkFix(why) === null);
    expect(none.sort()).toEqual(["banned", "low_trust", "not_connected", "overlay", "same_computer"]);
    for (const language of ["en", "zh-tw"]) {
      locale.choose(language);
      for (const why of WHYS) {
        const fix = networkFix(why);
        if (fix) expect([why, han.test(fix.words)]).toEqual([why, language === "zh-tw"]);
        if (fix && "setting" in fix) expect(known).toContain(fix.setting);
      }
    }
    expect([joinCommand("linux").startsWith("sudo "), joinCommand("windows").startsWith("tailscale ")]).toEqual([true, true]);
  });
});

describe("what is wrong with the live network", () => {
  it("is told only where something is", () => {
    const told = (Object.keys(SCENES) as Scene[]).filter((name) => networkTrouble(SCENES[name](0).pool));
    expect(told.sort()).toEqual(["network_banned", "network_low", "network_tokens", "network_vain"]);
    expect(told.filter((name) => barred(SCENES[name](0).pool))).toEqual(["network_banned", "network_low"]);
  });

  it("is not told while there is no connection, of which others tell", () => {
    for (const why of WHYS) {
      const pool = { ...live, state: "backoff" as const, standing: { ...standing, reach: "neither" as const, why } };
      expect([why, networkTrouble(pool), barred(pool), presentWhy(pool)]).toEqual([why, false, false, "not_connected"]);
    }
    expect(networkLevel({ state: "online", standing: null })).toBe("ok");
  });

  it("is a ban, whatever else is said", () => {
    const pool = { ...live, standing: { ...standing, trust: { score: 900, successful: 900, failed: 0, banned: true } } };
    expect([presentWhy(pool), networkLevel(pool)]).toEqual(["banned", "error"]);
  });

  it("is not hidden behind waiting for a task", () => {
    for (const language of ["en", "zh-tw"]) {
      locale.choose(language);
      expect(tell(SCENES.network_banned(), 0).headline).toMatch(/no work comes|不會有工作/);
      expect(tell(SCENES.network_tokens(), 0)).toEqual(tell(SCENES.ready(), 0));
    }
  });
});

describe("trust", () => {
  it("says how many failures are left, the last of which ends the work", () => {
    for (const score of [LEAST_TRUST, 24, 25, 100, 1000]) {
      const left = failuresLeft(score);
      expect([score, score - 5 * left < LEAST_TRUST, score - 5 * (left - 1) >= LEAST_TRUST]).toEqual([score, true, true]);
    }
    expect([failuresLeft(19), failuresLeft(0), failuresLeft(-1)]).toEqual([0, 0, 0]);
  });

  it("goes by the numbers of the worker's own words", () => {
    const rust = readFileSync(new URL("../../../crates/control/src/view/standing.rs", import.meta.url), "utf8");
    const failure = (MOST_TRUST - LEAST_TRUST) / (failuresLeft(MOST_TRUST) - 1);
    expect(rust).toContain(`0 to ${MOST_TRUST}; it begins at ${FIRST_TRUST}, a task done adds 1, a failed one takes ${failure}, below ${LEAST_TRUST} no work comes`);
    for (const language of ["en", "zh-tw"]) {
      locale.choose(language);
      const numbers = [...m.net_trust_moves().replaceAll(",", "").matchAll(/\d+/g)].map(Number);
      expect(numbers).toEqual([FIRST_TRUST, 1, MOST_TRUST, failure, LEAST_TRUST]);
    }
  });

  it("has a word for each side of its least", () => {
    const of = (score: number, banned = false): string => trustWord({ score, successful: 0, failed: 0, banned });
    expect([of(20), of(19), of(1000, true)]).toEqual(["High enough for work", "Too low for work", "Banned"]);
  });
});

describe("functions alone", () => {
  it("are told of where a worker says so, and nowhere else", () => {
    expect(functionsOnly(snapshot().engine)).toBe(false);
    expect(withoutEngine(SCENES.missing())).toBeNull();
    const scene = SCENES.network_functions();
    expect(withoutEngine(scene)).toContain("Docker is missing");
    const stopped = { engine: { ...scene.engine, problem: SCENES.engine().engine.problem } };
    expect(withoutEngine(stopped)).toContain("Docker cannot be used");
    expect(tell(scene, 0).reason).toBe(withoutEngine(scene));
  });
});

describe("a task", () => {
  it("is unpaid when it was done and the last word is nothing", () => {
    const done = { verdict: "succeeded", settled: true, credited_cpt: 0 };
    expect(isUnpaid(task(1, 0, done))).toBe(true);
    for (const other of [{ verdict: "failed" }, { settled: false }, { credited_cpt: null }, { credited_cpt: 1 }]) {
      expect([other, isUnpaid(task(1, 0, { ...done, ...other }))]).toEqual([other, false]);
    }
    expect([isLive(live), isLive(snapshot().pool)]).toEqual([true, false]);
    expect(network(live.dialect)).not.toBe(network(snapshot().pool.dialect));
  });
});

describe("its ledger", () => {
  it("says how each pay stands and why it is missing, once for each kind", () => {
    const kinds = ["paid", "waiting", "unpaid", "orphaned", "withdrawn"] as const;
    for (const language of ["en", "zh-tw"] as const) {
      locale.choose(language);
      expect(new Set(kinds.map(networkPay)).size).toBe(kinds.length);
      expect(payMissing([{ state: "paid" }, { state: "waiting" }])).toEqual([]);
      const twice = [...kinds, ...kinds].map((state) => ({ state }));
      expect(payMissing(twice)).toEqual([m.ledger_why_unpaid(), m.ledger_why_orphaned(), m.ledger_why_withdrawn()]);
    }
    expect(networkPay("constructor")).toBe("constructor");
  });

  it("is made up with everything that can be missing", () => {
    const pushed = SCENES.network_push(0);
    const states = new Set(ledgerOf(pushed, 0).entries.map(({ state }) => state));
    expect(states.size).toBe(5);
    expect(ledgerOf(snapshot(), 0).told).toBe(false);
  });
});

describe("its settings", () => {
  it("stand with the pool's, named and explained in both languages", () => {
    const all = settings("en", "light", "ready");
    for (const language of ["en", "zh-tw"]) {
      locale.choose(language);
      for (const key of KEYS) {
        expect([key, groupOf(key), han.test(labelOf(key)), han.test(helpOf(key) ?? "")]).toEqual([key, "pool", language === "zh-tw", language === "zh-tw"]);
      }
    }
    expect(KEYS.map((key) => controlOf({ allowed: all.find((one) => one.key === key)?.allowed ?? "" }).kind)).toEqual(["choice", "integer", "text", "text", "flag"]);
    for (const word of ["auto", "push", "pull"]) expect([word, han.test(choiceWord("nodepool_work", word))]).toEqual([word, true]);
  });
});
