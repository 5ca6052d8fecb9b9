import { readFile } from "node:fs/promises";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import type { Event } from "../src/generated/Event";
import { sample, snapshot } from "../src/platform/fake/world";
import { CSP } from "../vite.config";

const TYPES: Record<string, string> = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".json": "application/json" };

/** The browser listener's contract with the shipped bundle behind it: pairing, calls and the stream. */
export async function serveStub() {
  const dist = fileURLToPath(new URL("../dist/", import.meta.url));
  const streams = new Set<ServerResponse>();
  const calls: string[] = [];
  let seq = 1;
  let state = snapshot();
  const write = (event: Event): void => streams.forEach((s) => s.write(`data: ${JSON.stringify(event)}\n\n`));

  const server = createServer((request, response) => {
    void (async () => {
      response.setHeader("Content-Security-Policy", CSP);
      response.setHeader("X-Content-Type-Options", "nosniff");
      const path = new URL(request.url ?? "/", "http://x").pathname;
      if (path === "/pair") {
        response.setHeader("Set-Cookie", "hivemind=secret; Path=/; HttpOnly; SameSite=Strict");
        response.writeHead(303, { Location: "/" }).end();
      } else if (path === "/events" || path.startsWith("/rpc/")) {
        const admitted = request.headers.cookie?.includes("hivemind=secret") ?? false;
        const proven = request.headers["x-hivemind"] === "1";
        if (!admitted || !proven) {
          response.writeHead(401).end(JSON.stringify({ code: "NOT_PAIRED", message: "no", facts: {}, action: "pair" }));
        } else if (path === "/events") {
          response.writeHead(200, { "Content-Type": "text/event-stream" });
          streams.add(response);
          request.on("close", () => streams.delete(response));
          response.write(`data: ${JSON.stringify({ event: "snapshot", data: { ...state, seq } })}\n\n`);
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
      state = { ...state, version };
      await listen(port);
    },
  };
}
