import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Event } from "../generated/Event";
import { CallError, type Platform } from "./platform";
import { plain, plainLine, printable } from "./printable";

const EVIL = "a\u001b[31m\u202eb\n\u200bc\u{e0041}";
const GOOD = "a[31mbc";

function host(call: () => Promise<unknown>): Platform {
  return {
    kind: "http",
    rights: () => "all",
    call: call as Platform["call"],
    save: () => Promise.resolve(null),
    subscribe: (onEvent) => {
      onEvent({ event: "log", data: { task: { task_id: "1", attempt: 1 }, lines: [{ number: 0, stderr: false, at_ms: 0, text: EVIL }] } });
      return () => undefined;
    },
  };
}

describe("what the worker says", () => {
  it("is printable wherever it stands", async () => {
    expect(plainLine("繁體\té ❤\u{fe0f}")).toBe("繁體 é ❤\u{fe0f}");
    expect(plain({ n: 1, on: true, none: null, all: [EVIL, { deep: EVIL }] })).toEqual({ n: 1, on: true, none: null, all: [GOOD, { deep: GOOD }] });
    expect(await printable(host(() => Promise.resolve({ name: EVIL }))).call("task", { task_id: "1", attempt: 1 })).toEqual({ name: GOOD });
    const heard: Event[] = [];
    printable(host(() => Promise.resolve(null))).subscribe((event) => heard.push(event), () => undefined);
    expect(JSON.stringify(heard)).toContain(`"text":"${GOOD}"`);
  });

  it("is printable in a refusal, and stays what it was", async () => {
    const refuses = (): Promise<never> => Promise.reject(new CallError({ code: "POOL_REFUSED", message: EVIL, facts: { host: EVIL }, action: null }));
    const error = await printable(host(refuses)).call("start", null).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(CallError);
    expect((error as CallError).api).toEqual({ code: "POOL_REFUSED", message: GOOD, facts: { host: GOOD }, action: null });
  });

  it("is left as it is where it is a file", async () => {
    const part = { text: "a\tb\n", next: null, rows: 1 };
    expect(await printable(host(() => Promise.resolve(part))).call("receipts", { from: 0 })).toEqual(part);
  });

  it("is judged as the worker judges it", () => {
    const rust = readFileSync(new URL("../../../crates/domain/src/text.rs", import.meta.url), "utf8");
    const list = /fn is_unsafe[^}]*?matches!\(c,([^)]*)\)/su.exec(rust)?.[1] ?? "";
    const bounds = [...list.matchAll(/'\\u\{([0-9A-F]+)\}'(?:\.\.='\\u\{([0-9A-F]+)\}')?/gu)];
    expect(bounds.length).toBeGreaterThan(15);
    const listed = new Set<number>();
    for (const [, from = "", to = from] of bounds) {
      for (let at = parseInt(from, 16); at <= parseInt(to, 16); at += 1) listed.add(at);
    }
    const differ: string[] = [];
    for (let at = 0; at <= 0x10_ffff; at += 1) {
      if (at >= 0xd800 && at <= 0xdfff) continue;
      const character = String.fromCodePoint(at);
      const unsafe = listed.has(at) || (/\p{Cc}/u.test(character) && character !== "\t");
      if ((plainLine(character) === "") !== unsafe) differ.push(at.toString(16));
    }
    expect(differ).toEqual([]);
  });
});
