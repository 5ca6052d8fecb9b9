import { clearMocks, mockIPC } from "@tauri-apps/api/mocks";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Event } from "../../generated/Event";
import { snapshot } from "../fake/world";
import type { LinkState } from "../platform";
import { tauriPlatform } from "./index";

beforeEach(() => {
  (globalThis as { window?: unknown }).window = globalThis;
  // The page's own clock looks at the document; a window has one.
  (globalThis as { document?: unknown }).document = { addEventListener: () => undefined, removeEventListener: () => undefined };
  globalThis.addEventListener ??= () => undefined;
  globalThis.removeEventListener ??= () => undefined;
});

afterEach(() => {
  clearMocks();
  delete (globalThis as { document?: unknown }).document;
});

describe("calls", () => {
  it("are Tauri commands of the same name with { request }", async () => {
    const seen: unknown[] = [];
    mockIPC((name, args) => {
      seen.push([name, args]);
      return { samples: [] };
    });
    expect(await tauriPlatform().call("metrics", null)).toEqual({ samples: [] });
    await tauriPlatform().call("earnings", { days: 7 });
    expect(seen).toEqual([
      ["metrics", { request: null }],
      ["earnings", { request: { days: 7 } }],
    ]);
  });

  it("fail with the worker's error, or with what the shell said", async () => {
    mockIPC(() => {
      throw { code: "ENGINE_STOPPED", message: "m", facts: {}, action: "start_engine" };
    });
    await expect(tauriPlatform().call("start", null)).rejects.toMatchObject({ api: { code: "ENGINE_STOPPED" } });
    mockIPC(() => {
      throw new Error("command start not found");
    });
    await expect(tauriPlatform().call("start", null)).rejects.toMatchObject({
      api: { code: "INTERNAL", message: "command start not found" },
    });
  });
});

describe("saving", () => {
  it("is the shell's command, which tells the path, or why not", async () => {
    const seen: unknown[] = [];
    mockIPC((name, args) => {
      seen.push([name, args]);
      return "/home/ann/Downloads/pay (2).csv";
    });
    expect(await tauriPlatform().save("pay.csv", "day,cpt\r\n")).toBe("/home/ann/Downloads/pay (2).csv");
    expect(seen).toEqual([["save_file", { name: "pay.csv", text: "day,cpt\r\n" }]]);
    mockIPC(() => {
      throw { code: "SAVE_NO_SPACE", message: "m", facts: {}, action: null };
    });
    await expect(tauriPlatform().save("pay.csv", "")).rejects.toMatchObject({ api: { code: "SAVE_NO_SPACE" } });
  });
});

describe("the stream", () => {
  it("arrives over a channel and is asked for again when it is over", async () => {
    let subscribed = 0;
    const send = (channel: unknown, index: number, message: unknown): void => {
      const { id } = channel as { id: number };
      const internals = (globalThis as unknown as { __TAURI_INTERNALS__: { runCallback: (id: number, data: unknown) => void } })
        .__TAURI_INTERNALS__;
      internals.runCallback(id, { message, index });
    };
    mockIPC((name, args) => {
      if (name !== "subscribe") return null;
      subscribed += 1;
      const { channel } = args as { channel: unknown };
      send(channel, 0, { event: "snapshot", data: snapshot({ seq: subscribed }) });
      if (subscribed === 1) return null;
      return new Promise(() => undefined);
    });
    const states: LinkState[] = [];
    const events: Event[] = [];
    const stop = tauriPlatform().subscribe(
      (e) => events.push(e),
      (s) => states.push(s),
    );
    await expect.poll(() => events.length, { timeout: 3000 }).toBe(2);
    stop();
    expect(events.map((e) => (e.event === "snapshot" ? e.data.seq : -1))).toEqual([1, 2]);
    expect(states.map((s) => s.kind)).toEqual(["connecting", "live", "lost", "live"]);
  });
});
