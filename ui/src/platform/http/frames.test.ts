import { describe, expect, it } from "vitest";
import { FrameReader, MAX_FRAME } from "./frames";

describe("FrameReader", () => {
  const stream = ': hello\n\ndata: {"a":1}\n\nevent: x\r\ndata: one\r\ndata:two\r\n\r\n:\n\ndata: 繁體\n\n';

  it("finds the frames however the text is cut", () => {
    for (let size = 1; size <= stream.length; size += 1) {
      const reader = new FrameReader();
      const frames: string[] = [];
      for (let at = 0; at < stream.length; at += size) frames.push(...reader.feed(stream.slice(at, at + size)));
      expect(frames).toEqual(['{"a":1}', "one\ntwo", "繁體"]);
    }
  });

  it("gives up on a frame without end", () => {
    const reader = new FrameReader();
    const piece = "x".repeat(1024 * 1024);
    expect(() => {
      for (let i = 0; i <= MAX_FRAME / piece.length; i += 1) reader.feed(`data: ${piece}\n`);
    }).toThrow();
    const endless = new FrameReader();
    expect(() => {
      for (let i = 0; i <= MAX_FRAME / piece.length; i += 1) endless.feed(piece);
    }).toThrow();
  });
});
