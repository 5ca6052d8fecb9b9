// The situations that tests and screenshots look at, by name.

import type { Snapshot } from "../../generated/Snapshot";
import { GIB, problem, snapshot, sum, task } from "./world";

export const SCENES = {
  earning: (now) =>
    snapshot({
      status: { state: "earning", contributing: true, draining: false, running_tasks: 2, problem: null },
      tasks: [
        task(1, now, { active_ms: 212_000 }),
        task(5, now, { active_ms: 41_000, cpu_millis: 1500, cpu_percent: 61.2, memory_bytes: GIB, estimated_cpt: 1 }),
      ],
      limits: { ...snapshot().limits, granted_cpu_millis: 3500, granted_memory_bytes: 3 * GIB },
      notices: [
        {
          at_ms: now - 640_000,
          level: "warning",
          error: problem("POOL_UNREACHABLE", "The pool did not answer within 5 s."),
        },
      ],
    }),
  ready: () => snapshot(),
  off: () =>
    snapshot({
      status: { state: "off", contributing: false, draining: false, running_tasks: 0, problem: null },
      pool: { ...snapshot().pool, state: "idle", link: "", node_id: null, trust: null },
      today: sum(0, 0, 0, 0),
    }),
  draining: (now) =>
    snapshot({
      status: { state: "earning", contributing: true, draining: true, running_tasks: 1, problem: null },
      tasks: [task(1, now)],
    }),
  yielding: () => snapshot({ status: { state: "yielding", contributing: true, draining: false, running_tasks: 0, problem: null } }),
  engine: () => {
    const stopped = problem("ENGINE_STOPPED", "Docker is installed, but /var/run/docker.sock does not answer.");
    return snapshot({
      status: { state: "needs_you", contributing: true, draining: false, running_tasks: 0, problem: stopped },
      engine: { ready: false, name: "docker", version: "", isolation: "", minimum_isolation: "plain", gpus: false, holes: [], problem: stopped },
    });
  },
  sign_in: () => {
    const wanted = problem("SIGN_IN_REQUIRED", "Nobody is signed in at the pool.");
    return snapshot({
      status: { state: "needs_you", contributing: true, draining: false, running_tasks: 0, problem: wanted },
      pool: { ...snapshot().pool, state: "auth_required", node_id: null, trust: null, cause: wanted },
      account: null,
      today: sum(0, 0, 0, 0),
    });
  },
  reconnecting: (now) =>
    snapshot({
      status: { state: "connecting", contributing: true, draining: false, running_tasks: 0, problem: null },
      pool: {
        ...snapshot().pool,
        state: "backoff",
        failures: 2,
        retry_at_ms: now + 8_000,
        cause: problem("POOL_UNREACHABLE", "Connection refused."),
      },
    }),
  unencrypted: () => snapshot({ pool: { ...snapshot().pool, url: "http://192.168.1.20:5000", link: "unencrypted" } }),
  gpu: () => {
    const gpus = [
      {
        uuid: "GPU-1",
        name: "NVIDIA GeForce RTX 4070",
        percent: 71,
        memory_used_bytes: 5.3 * GIB,
        memory_total_bytes: 12 * GIB,
        temperature_c: 66,
        power_w: 148,
      },
    ];
    return snapshot({ host: { ...snapshot().host, gpus, gpu_note: "" } });
  },
  unpaired: () => snapshot(),
  lost: () => snapshot(),
  empty: () => snapshot({ today: sum(0, 0, 0, 0) }),
} satisfies Record<string, (now: number) => Snapshot>;

export type Scene = keyof typeof SCENES;

export function sceneOf(name: string | null): Scene {
  return name !== null && Object.hasOwn(SCENES, name) ? (name as Scene) : "earning";
}
