import { readFile } from "node:fs/promises";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { READ_COMMANDS } from "../src/generated/commands";
import type { Event } from "../src/generated/Event";
import { fakePlatform } from "../src/platform/fake/host";
import type { CommandName } from "../src/platform/platform";
import { sample, snapshot } from "../src/platform/fake/world";
import { CSP } from "../vite.config";

const TYPES: Record<string, string> = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".json": "application/json" };

/** The browser listener's contract with the shipped bundle behind it: pairing, calls and the stream. */
export async function serveStub() {
  const dist = fileURLToPath(new URL("../dist/", import.meta.url));
  const streams = new Set<ServerResponse>();
  const calls: string[] = [];
  /** What a session that may look asked for and was refused. */
  const refused: string[] = [];
  // Its answers, of a worker with tasks, a failed one and questions.
  const world = fakePlatform(new URLSearchParams("scene=asked&still=1"));
  let seq = 1;
  let state = snapshot();
  const write = (event: Event): void => streams.forEach((s) => s.write(`data: ${JSON.stringify(event)}\n\n`));

  const server = createServer((request, response) => {
    void (async () => {
      response.setHeader("Content-Security-Policy", CSP);
      response.setHeader("X-Content-Type-Options", "nosniff");
      const path = new URL(request.url ?? "/", "http://x").pathname;
      if (path === "/pair") {
        const session = request.url?.endsWith("=look") ? "look" : "secret";
        response.setHeader("Set-Cookie", `hivemind=${session}; Path=/; HttpOnly; SameSite=Strict`);
        response.writeHead(303, { Location: "/" }).end();
      } else if (path === "/events" || path.startsWith("/rpc/")) {
        const looks = request.headers.cookie?.includes("hivemind=look") ?? false;
        const admitted = looks || (request.headers.cookie?.includes("hivemind=secret") ?? false);
        const proven = request.headers["x-hivemind"] === "1";
        if (!admitted || !proven) {
          response.writeHead(401).end(JSON.stringify({ code: "NOT_PAIRED", message: "no", facts: {}, action: "pair" }));
        } else if (path === "/events") {
          response.writeHead(200, { "Content-Type": "text/event-stream", "X-HiveMind-Rights": looks ? "look" : "all" });
          streams.add(response);
          request.on("close", () => streams.delete(response));
          const seen = looks ? await world.call("snapshot", null) : { ...state, seq };
          response.write(`data: ${JSON.stringify({ event: "snapshot", data: seen })}\n\n`);
        } else if (looks) {
          const name = path.slice(5) as CommandName;
          calls.push(name);
          if ((READ_COMMANDS as readonly string[]).includes(name)) {
            const body = await text(request);
            response.end(JSON.stringify(await world.call(name, JSON.parse(body) as never)));
          } else {
            refused.push(name);
            response.writeHead(403).end(JSON.stringify({ code: "READ_ONLY", message: "no", facts: {}, action: null }));
          }
        } else {
          const name = path.slice(5);
          calls.push(name);
          if (name === "start" || name === "stop") {
            seq += 1;
            const on = name === "start";
            state = { ...state, seq, status: { ...state.status, contributing: on, state: on ? "ready" : "off" } };
            response.end(JSON.stringify(state));
          } else if (name === "metrics") response.end(JSON.stringify({ samples: [sample(Date.now() - 1000, 0)] }));
          else if (name === "timeline") response.end(JSON.stringify({ from_ms: 0, to_ms: Date.now(), spans: [], sums: [] }));
          else response.end(JSON.stringify({ tasks: [], total: 0 }));
        }
      } else {
        const file = path === "/" ? "index.html" : path.slice(1);
        const bytes = await readFile(dist + file).catch(() => null);
        if (bytes === null) response.writeHead(404).end();
        else response.writeHead(200, { "Content-Type": TYPES[extname(file)] ?? "text/plain" }).end(bytes);
      }
    })();
  });
  const listen = (port: number): Promise<void> => new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  await listen(0);
  const { port } = server.address() as AddressInfo;
  return {
    base: `http://127.0.0.1:${port}/`,
    calls,
    refused,
    write,
    streams,
    /** The worker goes away. */
    down: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
    /** It comes back, with a state that begins to count anew. */
    up: async (version: string) => {
      seq = 0;
      state = { ...state, version, began_ms: state.began_ms + 60_000 };
      await listen(port);
    },
    /** It had been there all the while, and only the way to it is open again. */
    reachable: () => listen(port),
  };
}
