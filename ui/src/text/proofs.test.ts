import { afterEach, expect, it } from "vitest";
import { locale } from "./locale.svelte";
import { proofHead, proofLine, recognise, SAID } from "./proofs";
import { shownValue, sizeText } from "./settings";

afterEach(() => locale.choose("en"));

/** A proof as it is shown, in English and in Chinese. */
function both(proof: string): string[] {
  return (["en", "zh-tw"] as const).map((choice) => {
    locale.choose(choice);
    return proofLine(proof).text;
  });
}

it("tells what checks saw in the reader's words and in units that are easily read", () => {
  expect(both("Docker 27.3.1 answers; isolation: plain")).toEqual(["Docker 27.3.1 answers; isolation: shared kernel, hardened", "Docker 27.3.1 有回應；隔離方式：共用系統核心，已強化"]);
  expect(both("not known before the engine is usable")).toEqual(["Not known before the engine is usable", "容器引擎可用之前無法得知"]);
  expect(both("16.0 GiB of memory")).toEqual(["16 GiB of memory", "16 GiB 記憶體"]);
  expect(both("8.2 GiB free where tasks are kept")[0]).toBe("8.2 GiB free where tasks are kept");
  expect(both("plain: tasks share this computer's kernel, and the engine runs as root; at least plain is required")[0]).toBe(
    "Shared kernel, hardened: tasks share this computer's kernel, and the engine runs as root",
  );
  expect(both("this computer's clock is 7200 s behind the pool's; the private link is not used")[0]).toContain("is 2 h behind");
  expect(both("10.0.0.2 to UDP 192.0.2.1:51820: handshake 400 s ago; 1204118 bytes from it, 48213 to it, 1420 in a packet")).toEqual([
    "10.0.0.2 to UDP 192.0.2.1:51820: handshake 6 min 40 s ago; 1.15 MiB from it, 47.1 KiB to it, 1,420 bytes in a packet",
    "10.0.0.2 至 UDP 192.0.2.1:51820：6 分 40 秒前交握；接收 1.15 MiB，傳送 47.1 KiB，每個封包 1,420 位元組",
  ]);
  expect(both("cpu heat, of a newer worker: the readings are impossible and are ignored")).toEqual([
    "Processor temperature, of a newer worker: the readings are impossible and are ignored",
    "處理器溫度、of a newer worker：讀數不合理，不予採用",
  ]);
  expect(both("a task could: Send single packets, or look up names, Set the clock, Do what is new")).toEqual([
    "A task could: send single packets, or look up names, set the clock, Do what is new",
    "任務能夠：送出單一封包或查詢名稱、設定時鐘、Do what is new",
  ]);
  expect(both("CVE-2024-21626 in runc 1.1.11 (fixed in 1.1.12)")[1]).toBe("有 CVE-2024-21626 漏洞：runc 1.1.11（已在 1.1.12 修補）");
});

it("knows each sentence from every other, whatever stands in its places", () => {
  for (const [message, ...names] of SAID) {
    const said = Object.fromEntries(names.map((name) => [name, `${name}.example`]));
    const english = (message as (inputs: object, options: object) => string)(said, { locale: "en" });
    expect([english, recognise(english)]).toEqual([english, { message, said }]);
  }
  expect(both("not known before the engine is usable")[1]).toBe("容器引擎可用之前無法得知");
  expect(both("not known before the pool answers")[1]).toBe("任務池回應之前無法得知");
  expect(both("the engine answered 500: layer does not exist")[1]).toBe("容器引擎回應 500：layer does not exist");
  expect(both("no NVIDIA GPU in use: no NVIDIA driver; tasks use the processor")).toEqual([
    "No NVIDIA GPU in use: no driver found; tasks use the processor",
    "未使用 NVIDIA GPU：找不到驅動程式；任務改用處理器",
  ]);
});

it("begins a finding without a sentence of its own with the first that was seen", () => {
  const { head, rest } = proofHead("other users of this computer can read the link's key in wg0.conf; 10.0.0.2 to UDP 192.0.2.1:51820: no handshake; carried by the worker itself");
  expect([head.text, rest?.text]).toEqual([
    "Other users of this computer can read the link's key in wg0.conf", "10.0.0.2 to UDP 192.0.2.1:51820: no handshake; carried by the worker itself",
  ]);
  expect(proofHead("1.0 GiB of memory")).toEqual({ head: { text: "1 GiB of memory", ours: true }, rest: null });
});

it("tells sizes in units that everybody writes, and only sizes", () => {
  const size = { key: "max_memory_limit", allowed: "a size from 64m to 4096g, such as 512m or 4g" };
  expect(["512m", "4g", "4096G", "4", "4gb", "", "-4g"].map((value) => sizeText(size, value))).toEqual(["512 MiB", "4 GiB", "4 TiB", null, null, null, null]);
  expect(shownValue(size, "4g")).toBe("4g = 4 GiB");
  expect(sizeText({ allowed: "a text of 1 to 512 bytes" }, "4g")).toBeNull();
});
