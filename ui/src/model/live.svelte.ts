// The one live picture of the worker that all screens draw.

import { platform as host } from "#host";
import type { ApiError } from "../generated/ApiError";
import type { Commands } from "../generated/commands";
import type { Snapshot } from "../generated/Snapshot";
import { asCallError, type CommandName, type LinkState, type Rights } from "../platform/platform";
import { PRESENT, type Return, returned, SAID_MS, withEvent, withLink } from "./absence";
import { printable } from "../platform/printable";
import { router } from "./route.svelte";
import { addSamples, EMPTY, reduce, withAnswer, type World } from "./reduce";

const platform = printable(host);

/** Commands whose answer is the new state. */
type StateCommand = "start" | "stop" | "finish" | "logout";

class Live {
  world = $state.raw<World>(EMPTY);
  link = $state.raw<LinkState>({ kind: "connecting" });
  /** Milliseconds since the Unix epoch, moving once a second: for countdowns. */
  now = $state(Date.now());
  /** The last thing that a person asked for and that failed. */
  failure = $state.raw<ApiError | null>(null);
  /** The state command under way. */
  busy = $state.raw<StateCommand | null>(null);
  readonly host = platform.kind;
  /** What this page may do. */
  rights = $state<Rights>("all");
  /** How the worker came back, while there is still something to say about it. */
  returned = $state.raw<Return | null>(null);
  #absence = PRESENT;

  /** Whether it may look and not change anything. */
  get looking(): boolean {
    return this.rights === "look";
  }

  get snapshot(): Snapshot | null {
    return this.world.snapshot;
  }

  /** Nobody answers, and for longer than one try: what is shown is old, and nothing can be asked for. */
  get lost(): boolean {
    return this.link.kind === "lost" && this.link.attempt > 1;
  }

  /** Begins to follow the worker; once per page. */
  begin(): () => void {
    const stop = platform.subscribe(
      (event) => {
        if (event.event === "snapshot") {
          this.returned = returned(this.#absence, this.snapshot, event.data, Date.now()) ?? this.returned;
        }
        this.#absence = withEvent(this.#absence, event);
        this.world = reduce(this.world, event);
        // In a browser nobody may have asked for it in this tab.
        if (event.event === "report_problem" && platform.kind === "tauri") router.go("support");
      },
      (state) => {
        this.link = state;
        this.#absence = withLink(this.#absence, state);
        if (this.lost) this.returned = null;
        this.rights = platform.rights();
        if (state.kind === "live") void this.#lastMinute();
      },
    );
    const timer = setInterval(() => {
      this.now = Date.now();
      if (this.returned && this.now - this.returned.atMs > SAID_MS) this.returned = null;
    }, 1000);
    return () => {
      clearInterval(timer);
      stop();
    };
  }

  /** It has been read, or left behind. */
  forgetReturn(): void {
    this.returned = null;
  }

  async #lastMinute(): Promise<void> {
    try {
      const { samples } = await platform.call("metrics", null);
      this.world = { ...this.world, samples: addSamples(samples, this.world.samples) };
    } catch {
      // The chart then begins with the first live reading.
    }
  }

  /** Sends one command; failures are the caller's to show. */
  async call<K extends CommandName>(name: K, request: Commands[K]["request"]): Promise<Commands[K]["response"]> {
    try {
      return await platform.call(name, request);
    } catch (e) {
      const error = asCallError(e);
      if (error.api.code === "NOT_PAIRED") this.link = { kind: "unpaired" };
      throw error;
    }
  }

  /** Saves a text as a new file; tells its path where that is known. Failures are the caller's to show. */
  save(name: string, text: string): Promise<string | null> {
    return platform.save(name, text);
  }

  /** Takes a state that was the answer to a command. */
  take(snapshot: Snapshot): void {
    this.world = withAnswer(this.world, snapshot);
  }

  /** Sends a command whose answer is the new state; a failure is shown to the person. */
  async act(name: StateCommand): Promise<void> {
    if (this.busy) return;
    this.busy = name;
    this.failure = null;
    try {
      const snapshot = await this.call(name, null);
      this.world = withAnswer(this.world, snapshot);
    } catch (e) {
      this.failure = asCallError(e).api;
    } finally {
      this.busy = null;
    }
  }
}

export const live = new Live();
