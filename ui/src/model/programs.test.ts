import { describe, expect, it } from "vitest";
import { canName, readPrograms, sameName, writePrograms } from "./programs";

describe("programs that want something for themselves", () => {
  it("are read as the worker reads them", () => {
    expect(readPrograms(" Game.exe, blender:GPU ,my meeting : network,, :gpu, a:b")).toEqual([
      { name: "Game.exe", scope: "everything" },
      { name: "blender", scope: "gpu" },
      { name: "my meeting", scope: "network" },
      { name: "a:b", scope: "everything" },
    ]);
    expect(readPrograms("")).toEqual([]);
    expect(readPrograms("x:everything")).toEqual([{ name: "x:everything", scope: "everything" }]);
  });

  it("are written so that they are read the same", () => {
    const text = "game.exe, blender:gpu, teams:network, a:b";
    expect(writePrograms(readPrograms(text))).toBe(text);
    expect(writePrograms([{ name: "a:gpu", scope: "network" }])).toBe("a:gpu:network");
  });

  it("can be named unless their name says something else there", () => {
    expect(["code", "my game", "a:b", "影音播放器"].map(canName)).toEqual([true, true, true, true]);
    expect(["cat, and dog", "x:gpu", "x:Network", "", ",", " "].map(canName)).toEqual([false, false, false, false, false, false]);
    expect([sameName("Game.exe", "game.EXE"), sameName("a", "b")]).toEqual([true, false]);
  });
});
