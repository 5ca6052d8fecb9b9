import { describe, expect, it } from "vitest";
import { plain, redact, type Known } from "./redact";

const known: Known = { account: "mei", computer: "living-room", node: "node-5b1f0c" };
const clean = (text: string): string => plain(redact(text, known));

describe("what is given to strangers", () => {
  it.each([
    ["signed in as mei", "signed in as [account]"],
    ["meier is somebody else", "meier is somebody else"],
    ["host living-room, node node-5b1f0c", "host [computer], node [node]"],
    ["/home/mei/.local/share/x and /Users/Ann Lee/x", "/home/[account]/.local/share/x and /Users/[user] Lee/x"],
    ["C:\\Users\\ann\\AppData", "C:\\Users\\[user]\\AppData"],
    ["from 192.168.1.20:5000 to 10.0.0.7", "from [address]:5000 to [address]"],
    ["http://127.0.0.1:5001/ stays", "http://127.0.0.1:5001/ stays"],
    ["version 20.10.24 and 1.2.3.4.5 stay", "version 20.10.24 and 1.2.3.4.5 stay"],
    ["fe80::1ff:fe23:4567:890a and ::1", "[address] and ::1"],
    ["2001:db8:1:2:3:4:5:6 at 14:34:05", "[address] at 14:34:05"],
    ["write to ann.b+x@mail.example.org now", "write to [mail] now"],
    ["sha256:4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945", "sha256:[key]"],
    ["token eyJhbGciOiJIUzI1NiIsInR5cCI6.eyJzdWIiOiIxMjM0.SflKxwRJSMeKKF2QT4", "token [key]"],
    ["7c9e6679-7425-40de-944b-000000000001 is a task", "7c9e6679-7425-40de-944b-000000000001 is a task"],
    ["an ordinary line: status Ready pool Online", "an ordinary line: status Ready pool Online"],
  ])("%s", (text, wanted) => expect(clean(text)).toBe(wanted));

  it("counts what it took out, and leaves what the person wants to keep", () => {
    const found = redact("mei at 10.1.1.1 and 10.1.1.2", known);
    expect(found.counts).toEqual({ account: 1, address: 2 });
    expect(plain(redact("mei at 10.1.1.1", known, new Set(["address"])))).toBe("[account] at 10.1.1.1");
  });

  it("stays quick with text made to slow it down", () => {
    const before = Date.now();
    for (const piece of ["a", "1", ":", "a@", "1.", "A1", "/home/"]) redact(piece.repeat(60_000), known);
    expect(Date.now() - before).toBeLessThan(5_000);
  });

  it("is no pattern itself: names are taken letter by letter", () => {
    expect(plain(redact("a.c abc", { ...known, account: "a.c" }))).toBe("[account] abc");
  });
});
