// An answer that a screen asks for once and again on demand: never an old answer after a newer question.

import type { ApiError } from "../generated/ApiError";
import type { Commands } from "../generated/commands";
import { asCallError, type CommandName } from "../platform/platform";
import { live } from "./live.svelte";

export class Ask<K extends CommandName> {
  answer = $state.raw<Commands[K]["response"] | null>(null);
  failure = $state.raw<ApiError | null>(null);
  busy = $state(false);
  #round = 0;

  constructor(readonly name: K) {}

  async send(request: Commands[K]["request"]): Promise<void> {
    this.#round += 1;
    const round = this.#round;
    this.busy = true;
    try {
      const answer = await live.call(this.name, request);
      if (round !== this.#round) return;
      this.answer = answer;
      this.failure = null;
    } catch (e) {
      if (round === this.#round) this.failure = asCallError(e).api;
    } finally {
      if (round === this.#round) this.busy = false;
    }
  }
}
