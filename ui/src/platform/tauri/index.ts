// The worker behind the desktop window: one Tauri command per control command, `subscribe` with a channel, and
// `save_file`, because the window itself downloads nothing.

import { Channel, invoke } from "@tauri-apps/api/core";
import type { Commands } from "../../generated/commands";
import type { Event } from "../../generated/Event";
import { follow } from "../follow";
import { asCallError, parseEvent, type CommandName, type Platform } from "../platform";

async function call<K extends CommandName>(
  name: K,
  request: Commands[K]["request"],
): Promise<Commands[K]["response"]> {
  try {
    return await invoke<Commands[K]["response"]>(name, { request });
  } catch (e) {
    throw asCallError(e);
  }
}

async function save(name: string, text: string): Promise<string> {
  try {
    return await invoke<string>("save_file", { name, text });
  } catch (e) {
    throw asCallError(e);
  }
}

/** The host for the desktop window. `subscribe` settles when the stream is over; it is then asked for again. */
export function tauriPlatform(): Platform {
  return {
    kind: "tauri",
    rights: () => "all",
    call,
    save,
    subscribe: (onEvent, onState) =>
      follow(async (stop, onLife) => {
        let alive = false;
        const channel = new Channel<Event | string>();
        channel.onmessage = (message) => {
          if (stop.aborted) return;
          const event = typeof message === "string" ? parseEvent(message) : message;
          if (event === null) return;
          if (!alive) {
            alive = true;
            onLife();
          }
          onEvent(event);
        };
        try {
          await invoke<null>("subscribe", { channel });
        } finally {
          channel.onmessage = () => undefined;
        }
        return "ended";
      }, onState),
  };
}
