// A real worker at a real pool, with a door before the engine: what the scenarios need around the page.

import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, mkdir, rm } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { crc32 } from "node:zlib";

export const PASSWORD = "correct horse battery staple";
/** Longer than anything takes on a busy machine. */
export const LONG = 90_000;

const TASK = `
import os, time
end = time.monotonic() + 5
print('begins', flush=True)
while time.monotonic() < end:
    time.sleep(0.25)
os.makedirs(os.environ['HIVEMIND_OUTPUT'], exist_ok=True)
with open(os.environ['HIVEMIND_OUTPUT'] + '/done.txt', 'w') as file:
    file.write('done')
print('ends', flush=True)
`;

/** Why no real worker can be had here; nothing when one can. */
export function missing(): string | null {
  if (!process.env["HIVEMIND_WORKER_BIN"]) return "HIVEMIND_WORKER_BIN names no worker";
  if (!(process.env["DOCKER_HOST"] ?? "").startsWith("unix://")) return "DOCKER_HOST names no engine's socket";
  return null;
}

/** A zip of one file, not packed. */
function zip(name: string, content: string): Uint8Array<ArrayBuffer> {
  const file = Buffer.from(name);
  const body = Buffer.from(content);
  const head = (signature: number, more: number[]): Buffer => {
    const fields = Buffer.alloc(26);
    [20, 0, 0, 0, 0x5a6d].forEach((value, i) => fields.writeUInt16LE(value, i * 2));
    fields.writeUInt32LE(crc32(body), 10);
    fields.writeUInt32LE(body.length, 14);
    fields.writeUInt32LE(body.length, 18);
    fields.writeUInt16LE(file.length, 22);
    const first = Buffer.alloc(4);
    first.writeUInt32LE(signature);
    return Buffer.concat([first, ...(more.length > 0 ? [Buffer.from([20, 3])] : []), fields, Buffer.from(more)]);
  };
  const local = Buffer.concat([head(0x04034b50, []), file, body]);
  const central = Buffer.concat([head(0x02014b50, [0, 0, 0, 0, 0, 0, 0, 0, 0xa4, 0x81, 0, 0, 0, 0]), file]);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50);
  end.writeUInt16LE(1, 8);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(local.length, 16);
  return new Uint8Array(Buffer.concat([local, central, end]));
}

/** A door before the engine's socket: shut, the engine is away for whoever uses this one. */
class EngineDoor {
  #server: Server | null = null;
  #open = new Set<Socket>();
  constructor(
    readonly engine: string,
    readonly socket: string,
  ) {}

  async open(): Promise<void> {
    const server = createServer((near) => {
      const far = connect(this.engine);
      for (const [one, other] of [[near, far], [far, near]] as const) {
        this.#open.add(one);
        one.on("error", () => other.destroy());
        one.on("close", () => {
          this.#open.delete(one);
          other.destroy();
        });
        one.pipe(other);
      }
    });
    this.#server = server;
    server.listen(this.socket);
    await once(server, "listening");
  }

  async shut(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (!server) return;
    const closed = once(server, "close");
    server.close();
    this.#open.forEach((socket) => socket.destroy());
    await closed;
    await rm(this.socket, { force: true });
  }
}

interface Program {
  child: ChildProcess;
  said: Record<string, string>;
}

export class World {
  #pool: Program | null = null;
  #worker: Program | null = null;
  #token = "";
  #url = "http://127.0.0.1:0/";
  #grpc = "127.0.0.1:0";

  private constructor(
    readonly folder: string,
    readonly door: EngineDoor,
  ) {}

  static async open(): Promise<World> {
    const folder = await mkdtemp(join(tmpdir(), "hivemind-page-"));
    const engine = (process.env["DOCKER_HOST"] ?? "").slice("unix://".length);
    const world = new World(folder, new EngineDoor(engine, join(folder, "engine.sock")));
    await world.door.open();
    await world.turn("pool back");
    for (const username of ["asks", "works"]) await world.#post("register", { username, password: PASSWORD });
    const signedIn = (await world.#post("login", { username: "asks", password: PASSWORD })) as { token: string };
    world.#token = signedIn.token;
    world.#call(["settings", "set", "monitor_port", "0"]);
    world.#worker = await world.#start("worker", ["run"]);
    return world;
  }

  /** The address that pairs a browser. */
  pairing(): string {
    return (JSON.parse(this.#call(["open"])) as { url: string }).url;
  }

  get monitor(): string {
    return this.#worker?.said["monitor"] ?? "";
  }

  async turn(what: string): Promise<void> {
    switch (what) {
      case "submit": {
        const form = new FormData();
        const fields = { task_name: "scenario", cpu_cores: "0.5", memory_gb: "0.25", gpu_required: "false", timeout_seconds: "600" };
        for (const [name, value] of Object.entries(fields)) form.set(name, value);
        form.set("task_file", new Blob([zip("main.py", TASK)]), "task.zip");
        const headers = { Authorization: `Bearer ${this.#token}` };
        const answer = await fetch(`${this.#url}api/tasks`, { method: "POST", headers, body: form });
        if (answer.status !== 201) throw new Error(`handing in: ${answer.status} ${await answer.text()}`);
        return;
      }
      case "engine away":
        return this.door.shut();
      case "engine back":
        return this.door.open();
      case "pool away":
        this.#pool?.child.kill("SIGKILL");
        if (this.#pool) await once(this.#pool.child, "exit");
        this.#pool = null;
        return;
      case "pool back": {
        const http = new URL(this.#url).host;
        const words = ["pool", "serve", "--grpc", this.#grpc, "--http", http, "--pool-data", join(this.folder, "pool")];
        this.#pool = await this.#start("pool-worker", words);
        this.#url = this.#pool.said["http"] ?? "";
        this.#grpc = this.#pool.said["grpc"] ?? "";
        return;
      }
      default:
        throw new Error(`nobody knows how to turn the world to ${what}`);
    }
  }

  async close(): Promise<void> {
    for (const program of [this.#worker, this.#pool]) {
      if (!program || program.child.exitCode !== null) continue;
      const ended = once(program.child, "exit");
      program.child.kill("SIGTERM");
      const late = setTimeout(() => program.child.kill("SIGKILL"), 40_000);
      await ended;
      clearTimeout(late);
    }
    await this.door.shut();
    await rm(this.folder, { recursive: true, force: true });
  }

  #environment(): NodeJS.ProcessEnv {
    return {
      PATH: process.env["PATH"] ?? "",
      HOME: join(this.folder, "home"),
      XDG_RUNTIME_DIR: join(this.folder, "runtime"),
      LANG: "C.UTF-8",
      // No keyring and no sensors of whoever runs this.
      DBUS_SYSTEM_BUS_ADDRESS: "unix:path=/nonexistent/bus",
      DOCKER_HOST: `unix://${this.door.socket}`,
      MASTER_NODE_URL: this.#url.replace(/\/$/, ""),
      RESOURCE_REPORT_INTERVAL: "1",
      MAX_CPU_CORES: "2",
      MAX_MEMORY_LIMIT: "2g",
    };
  }

  #call(words: string[]): string {
    const all = ["--json", "--data", join(this.folder, "worker"), ...words];
    const done = spawnSync(process.env["HIVEMIND_WORKER_BIN"] ?? "", all, { env: this.#environment(), encoding: "utf8" });
    if (done.status !== 0) throw new Error(`${words.join(" ")}: ${done.stdout} ${done.stderr}`);
    return done.stdout.trim().split("\n").at(-1) ?? "";
  }

  async #start(data: string, words: string[]): Promise<Program> {
    await mkdir(join(this.folder, "home"), { recursive: true });
    await mkdir(join(this.folder, "runtime"), { recursive: true, mode: 0o700 });
    const all = ["--json", "--data", join(this.folder, data), ...words];
    const child = spawn(process.env["HIVEMIND_WORKER_BIN"] ?? "", all, { env: this.#environment(), stdio: ["ignore", "pipe", "pipe"] });
    let told = "";
    child.stderr.on("data", (piece: Buffer) => (told = (told + piece.toString()).slice(-4000)));
    const lines = createInterface({ input: child.stdout });
    const first = await Promise.race([once(lines, "line"), once(child, "exit").then(() => null)]);
    if (first === null) throw new Error(`${words.join(" ")} ended: ${told}`);
    return { child, said: JSON.parse(String(first[0])) as Record<string, string> };
  }

  async #post(path: string, body: unknown): Promise<unknown> {
    const headers = { "Content-Type": "application/json" };
    const answer = await fetch(`${this.#url}api/${path}`, { method: "POST", headers, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }
}
