// What a check-up finds in the made-up worlds, in the real worker's words.

import type { Finding } from "../../generated/Finding";
import type { Snapshot } from "../../generated/Snapshot";

export function findings({ engine, pool, account, private_link }: Snapshot): Finding[] {
  const ok = (number: number, check: string, proof: string): Finding => ({ number, check, level: "ok", proof, code: null, fix: null });
  const bad = engine.problem;
  return [
    bad
      ? { number: 1, check: "engine", level: "error", proof: bad.message, code: bad.code, fix: "Start the Docker service, or open Docker Desktop." }
      : ok(1, "engine", `${engine.name} ${engine.version} answers; isolation: ${engine.isolation}`),
    ok(2, "image", "tasks without an image of their own run in justin308/hivemind-worker:latest"),
    ok(3, "pool", `${pool.url} answers`),
    account
      ? ok(4, "sign_in", `signed in as ${account.username}`)
      : { number: 4, check: "sign_in", level: "error", proof: "nobody is signed in", code: "SIGN_IN_REQUIRED", fix: "Sign in with your account at the pool." },
    ok(5, "encryption", pool.link === "tunnel" ? "the link to the pool is private (WireGuard)" : "the link to the pool is encrypted"),
    ok(
      31,
      "tunnel",
      private_link.state === "up"
        ? `${private_link.address} to UDP ${private_link.endpoint}: handshake 142 s ago; 73400320 bytes from it, 5242880 to it, ${private_link.mtu} in a packet; carried by the worker itself`
        : "the pool asked for no private link",
    ),
    ok(6, "memory", "16.0 GiB of memory"),
    { number: 7, check: "disk", level: "warning", proof: "8.2 GiB free where tasks are kept", code: "DISK_LOW", fix: "Keep at least 10 GiB free." },
    ok(8, "gpu", "no NVIDIA driver"),
    ok(9, "keyring", "the sign-in lies in the system's keyring"),
    ok(20, "isolation", "plain: tasks share this computer's kernel, and the engine runs as root; at least plain is demanded"),
    ok(21, "known_holes", "none of the listed holes is in this engine"),
    ok(30, "task_disk", "a task that keeps more on disk than it was granted is ended within a second"),
    ok(32, "sensors", "every sensor gives plausible readings"),
    { ...ok(22, "sandbox", "not tried since the worker started; the button below tries it"), level: "notice" },
  ];
}
