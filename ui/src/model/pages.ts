// Rows of a long list, fetched in pages as they come into view.

export interface Page<T> {
  rows: readonly T[];
  total: number;
}

/** Which pages of `size` cover the rows from `first` up to but not including `end`. */
export function pagesFor(first: number, end: number, size: number): number[] {
  if (end <= first) return [];
  const from = Math.floor(Math.max(0, first) / size);
  const to = Math.floor((end - 1) / size);
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

/** Keeps a bounded number of pages; asks for each once until told to forget. */
export class PageCache<T> {
  readonly #rows = new Map<number, readonly T[]>();
  readonly #asked = new Set<number>();
  #round = 0;
  total = 0;

  constructor(
    readonly size: number,
    readonly load: (offset: number, limit: number) => Promise<Page<T>>,
    readonly changed: () => void,
    readonly failed: (error: unknown) => void,
    readonly most = 12,
  ) {}

  row(index: number): T | undefined {
    return this.#rows.get(Math.floor(index / this.size))?.[index % this.size];
  }

  /** Fetches what is missing of these rows. */
  want(first: number, end: number): void {
    for (const page of pagesFor(first, end, this.size)) if (!this.#asked.has(page)) void this.#fetch(page);
  }

  /** Fetches the pages in hand anew; what is shown stays until the answers come. */
  refresh(first: number, end: number): void {
    this.#round += 1;
    this.#asked.clear();
    const wanted = pagesFor(first, Math.max(end, first + 1), this.size);
    for (const page of [...this.#rows.keys()]) if (!wanted.includes(page)) this.#rows.delete(page);
    for (const page of wanted) void this.#fetch(page);
  }

  async #fetch(page: number): Promise<void> {
    this.#asked.add(page);
    const round = this.#round;
    try {
      const { rows, total } = await this.load(page * this.size, this.size);
      if (round !== this.#round) return;
      this.total = total;
      this.#rows.delete(page);
      this.#rows.set(page, rows);
      for (const old of [...this.#rows.keys()]) {
        if (this.#rows.size <= this.most) break;
        this.#rows.delete(old);
        this.#asked.delete(old);
      }
      this.changed();
    } catch (e) {
      if (round !== this.#round) return;
      this.#asked.delete(page);
      this.failed(e);
    }
  }
}
