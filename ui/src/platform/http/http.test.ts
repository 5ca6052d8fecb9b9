import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Event } from "../../generated/Event";
import { snapshot } from "../fake/world";
import type { FollowClock } from "../follow";
import { CallError, type LinkState } from "../platform";
import { httpPlatform } from "./index";

type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => void;

let server: Server;
let base: string;
let handler: Handler;

beforeEach(async () => {
  server = createServer((request, response) => {
    let body = "";
    request.on("data", (d: Buffer) => (body += d.toString()));
    request.on("end", () => handler(request, response, body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const fetchHere: typeof fetch = (input, init) => fetch(`${base}${String(input)}`, init);
const waits: number[] = [];
const quick: FollowClock = {
  now: () => 0,
  chance: () => 0.5,
  sleep: async (ms) => {
    waits.push(ms);
    await new Promise((resolve) => setTimeout(resolve, 5));
  },
};

function collect(until: (states: LinkState[], events: Event[]) => boolean) {
  const states: LinkState[] = [];
  const events: Event[] = [];
  waits.length = 0;
  return new Promise<{ states: LinkState[]; events: Event[] }>((resolve) => {
    const check = (): void => {
      if (!until(states, events)) return;
      stop();
      resolve({ states, events });
    };
    const stop = httpPlatform(fetchHere, quick).subscribe(
      (e) => {
        events.push(e);
        queueMicrotask(check);
      },
      (s) => {
        states.push(s);
        queueMicrotask(check);
      },
    );
  });
}

const frame = (event: Event): string => `data: ${JSON.stringify(event)}\n\n`;

describe("calls", () => {
  it("go to /rpc/name with our header and a JSON body, and bring the answer", async () => {
    let seen: unknown;
    handler = (request, response, body) => {
      seen = [request.method, request.url, request.headers["x-hivemind"], request.headers["content-type"], body];
      response.end(JSON.stringify({ samples: [] }));
    };
    expect(await httpPlatform(fetchHere).call("metrics", null)).toEqual({ samples: [] });
    expect(seen).toEqual(["POST", "/rpc/metrics", "1", "application/json", "null"]);
  });

  it("fail with the worker's own error", async () => {
    handler = (_request, response) => {
      response.statusCode = 401;
      response.end(JSON.stringify({ code: "NOT_PAIRED", message: "no", facts: {}, action: "pair" }));
    };
    await expect(httpPlatform(fetchHere).call("start", null)).rejects.toMatchObject({ api: { code: "NOT_PAIRED", action: "pair" } });
  });

  it("name a refusal without a body, a garbled answer and an absent worker", async () => {
    const code = async (): Promise<string> => {
      const error: unknown = await httpPlatform(fetchHere).call("start", null).catch((e: unknown) => e);
      return error instanceof CallError ? error.api.code : "no CallError";
    };
    handler = (_request, response) => {
      response.statusCode = 401;
      response.end();
    };
    expect(await code()).toBe("NOT_PAIRED");
    handler = (_request, response) => response.end("<html>");
    expect(await code()).toBe("INTERNAL");
    handler = (request) => request.socket.destroy();
    expect(await code()).toBe("WORKER_NOT_RUNNING");
  });
});

describe("the stream", () => {
  it("is live at the first event and reconnects after it ends, snapshot first", async () => {
    let connections = 0;
    handler = (request, response) => {
      connections += 1;
      expect(request.headers["x-hivemind"]).toBe("1");
      response.setHeader("Content-Type", "text/event-stream");
      response.write(": here\n\n");
      response.write(frame({ event: "snapshot", data: snapshot({ seq: connections }) }));
      if (connections < 3) response.end();
    };
    const { states, events } = await collect((_s, e) => e.length === 3);
    expect(events.map((e) => (e.event === "snapshot" ? e.data.seq : -1))).toEqual([1, 2, 3]);
    expect(states.map((s) => s.kind)).toEqual(["connecting", "live", "lost", "live", "lost", "live"]);
    expect(states.filter((s) => s.kind === "lost").map((s) => (s.kind === "lost" ? s.attempt : 0))).toEqual([1, 1]);
  });

  it("waits longer after each failure", async () => {
    handler = (request) => request.socket.destroy();
    const { states } = await collect((s) => s.filter((x) => x.kind === "lost").length === 6);
    expect(states.filter((s) => s.kind === "lost").map((s) => (s.kind === "lost" ? s.attempt : 0))).toEqual([1, 2, 3, 4, 5, 6]);
    expect(waits.slice(0, 5)).toEqual([375, 750, 1500, 3000, 6000]);
  });

  it("says when the page is not paired, and goes on by itself once it is", async () => {
    let tries = 0;
    handler = (_request, response) => {
      tries += 1;
      if (tries < 3) {
        response.statusCode = 401;
        response.end();
        return;
      }
      response.write(frame({ event: "snapshot", data: snapshot() }));
    };
    const { states } = await collect((_s, e) => e.length === 1);
    expect(states.map((s) => s.kind)).toEqual(["connecting", "unpaired", "unpaired", "live"]);
  });

  it("passes over what is no event", async () => {
    handler = (_request, response) => {
      response.write('data: nonsense\n\ndata: {"event":"of_a_newer_worker","data":{}}\n\ndata: {"event":"metrics"}\n\n');
      response.write(frame({ event: "snapshot", data: snapshot() }));
    };
    const { events } = await collect((_s, e) => e.length > 0);
    expect(events.map((e) => e.event)).toEqual(["snapshot"]);
  });

  it("learns what the page may do before its first event, and anew with each session", async () => {
    const words = ["look", "operate", "all", undefined, "of a newer worker"];
    let connections = 0;
    handler = (_request, response) => {
      const word = words[connections];
      connections += 1;
      if (word !== undefined) response.setHeader("X-HiveMind-Rights", word);
      response.write(frame({ event: "snapshot", data: snapshot() }));
      response.end();
    };
    const platform = httpPlatform(fetchHere, quick);
    const told: string[] = [];
    await new Promise<void>((resolve) => {
      const stop = platform.subscribe(
        () => undefined,
        (state) => {
          if (state.kind !== "live" || told.push(platform.rights()) < words.length) return;
          stop();
          resolve();
        },
      );
    });
    expect(told).toEqual(["look", "operate", "all", "all", "all"]);
  });

  it("ends when told to", async () => {
    let closed: () => void = () => undefined;
    const gone = new Promise<void>((resolve) => (closed = resolve));
    handler = (request, response) => {
      request.socket.on("close", closed);
      response.write(frame({ event: "snapshot", data: snapshot() }));
    };
    await collect((_s, e) => e.length === 1);
    await gone;
  });
});
