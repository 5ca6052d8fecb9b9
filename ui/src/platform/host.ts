import { httpPlatform } from "./http";
import type { Platform } from "./platform";
import { tauriPlatform } from "./tauri";

/** The host this page runs in. */
export const platform: Platform = "__TAURI_INTERNALS__" in globalThis ? tauriPlatform() : httpPlatform();
