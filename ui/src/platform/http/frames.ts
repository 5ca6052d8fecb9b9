/** A frame larger than this is no event of ours; the connection is given up. In characters. */
export const MAX_FRAME = 8 * 1024 * 1024;

/** Cuts a text/event-stream into the `data` of its frames. Feed it text in pieces of any size. */
export class FrameReader {
  #rest = "";
  #data: string[] = [];
  #size = 0;

  /** The frames that this piece completes. Throws when a frame grows beyond all measure. */
  feed(piece: string): string[] {
    const frames: string[] = [];
    const text = this.#rest + piece;
    let start = 0;
    for (;;) {
      const end = text.indexOf("\n", start);
      if (end < 0) break;
      const line = text.slice(start, end).replace(/\r$/, "");
      start = end + 1;
      if (line === "") {
        if (this.#data.length > 0) frames.push(this.#data.join("\n"));
        this.#data = [];
        this.#size = 0;
      } else if (line.startsWith("data:")) {
        const value = line.slice(line[5] === " " ? 6 : 5);
        this.#data.push(value);
        this.#size += value.length;
      }
    }
    this.#rest = text.slice(start);
    if (this.#size + this.#rest.length > MAX_FRAME) throw new Error("a frame of the event stream is too large");
    return frames;
  }
}
