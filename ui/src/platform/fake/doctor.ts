// What a check-up finds in the made-up worlds: what the real worker rehearses, with what this world has instead.

import type { Finding } from "../../generated/Finding";
import type { ProofView } from "../../generated/ProofView";
import type { Snapshot } from "../../generated/Snapshot";
import { GIB } from "./world";
import rehearsed from "../../text/rehearsed.json";

type Fault = keyof typeof rehearsed;
type Change = Partial<Finding> & { check: string };

/** What is found with one thing that is wrong, or with none. */
export function rehearse(fault: Fault): Finding[] {
  const told = rehearsed[fault] as Finding[];
  const well = (rehearsed.none as Finding[]).filter((f) => !told.some((t) => t.number === f.number));
  return fault === "none" ? (rehearsed.none as Finding[]) : [...well, ...told].sort((a, b) => a.number - b.number);
}

/** The rows of one check with a fault. */
const rows = (fault: Fault, ...checks: string[]): Finding[] => rehearse(fault).filter((f) => checks.includes(f.check));

const ENGINE: Readonly<Record<string, Fault>> = { ENGINE_MISSING: "engine-missing", ENGINE_STOPPED: "engine-stopped", VIRTUALIZATION_OFF: "virtualization-off" };

export function findings(world: Snapshot, proved: ProofView | null): Finding[] {
  const changes: Change[] = [...engine(world), ...pool(world), ...account(world), ...computer(world), sandbox(proved)];
  return rehearse("none").map((finding) => changes.reduce<Finding>((f, change) => (change.check === f.check ? { ...f, ...change } : f), finding));
}

function engine({ engine: { problem, name, version, isolation, minimum_isolation, holes } }: Snapshot): Change[] {
  if (problem) return rows(ENGINE[problem.code] ?? "engine-failing", "engine", "isolation", "known_holes").map((f) => (f.check === "engine" ? { ...f, proof: problem.message } : f));
  const walls: Record<string, string> = { plain: "and the engine runs as root", userns: "root inside is an ordinary user outside" };
  const told: Change[] = [
    { check: "engine", proof: `${name} ${version} answers; isolation: ${isolation}` },
    {
      check: "isolation",
      proof: `${isolation}: tasks share this computer's kernel${isolation === "plain" ? "," : ";"} ${walls[isolation] ?? ""}; at least ${minimum_isolation} is required`,
    },
  ];
  const named = holes.map((hole) => `${hole.id} may affect ${hole.component} ${hole.found} (fixed upstream in ${hole.mended})`).join("; ");
  return holes.length === 0 ? told : [...told, ...rows("maybe-mended-hole", "known_holes").map((f) => ({ ...f, proof: named }))];
}

function pool({ pool: { url, state, cause, link }, private_link }: Snapshot): Change[] {
  const { state: up, address, endpoint, mtu } = private_link;
  const tunnel: Change = {
    check: "tunnel",
    proof: up === "up" ? `${address} to UDP ${endpoint}: handshake 142 s ago; 73400320 bytes from it, 5242880 to it, ${String(mtu)} in a packet; carried by the worker itself` : "the pool asked for no private link",
  };
  const unknown: Change = { check: "encryption", level: "notice", proof: "not known before the pool answers" };
  if (state === "online") {
    const open = rows("unencrypted", "encryption");
    const carried: Change[] = link === "unencrypted" ? open : link === "tunnel" ? [] : [{ check: "encryption", proof: "the link to the pool is encrypted" }];
    return [{ check: "pool", proof: `${url} answers` }, ...carried, tunnel];
  }
  if (state === "auth_required") return [{ check: "pool", level: "notice", proof: `${url} waits for your sign-in` }, { check: "encryption", proof: "the link to the pool is encrypted" }, tunnel];
  if (state === "idle") return [{ check: "pool", level: "notice", proof: `${url} is not asked while not contributing` }, unknown, tunnel];
  return [...rows("pool-away", "pool").map((f) => ({ ...f, proof: `${url}: ${cause?.message ?? "the pool does not answer"}` })), unknown, tunnel];
}

function account({ account }: Snapshot): Change[] {
  if (!account) return rows("signed-out", "sign_in", "keyring");
  return [{ check: "sign_in", proof: `signed in as ${account.username}` }, ...(account.tokens_in_file ? rows("keyring-missing", "keyring") : [])];
}

function computer({ host }: Snapshot): Change[] {
  const gpu: Change = host.gpus.length > 0 ? { check: "gpu", proof: host.gpus.map((g) => g.name).join(", ") } : { check: "gpu", level: "notice", proof: `no NVIDIA GPU in use: ${host.gpu_note}; tasks use the processor` };
  return [gpu, { check: "memory", proof: `${(host.memory_bytes / GIB).toFixed(1)} GiB of memory` }, { check: "disk", proof: "282.0 GiB free where tasks are kept" }];
}

function sandbox(proved: ProofView | null): Change {
  if (!proved) return { check: "sandbox", level: "notice", proof: "not tried since the worker started" };
  const through = proved.attacks.some((attack) => !attack.denied);
  return (through ? rows("sandbox-broken", "sandbox")[0] : null) ?? { check: "sandbox", proof: `${String(proved.attacks.length)} attempts to break out were denied` };
}
