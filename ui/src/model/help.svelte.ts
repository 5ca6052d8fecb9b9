// What a click on an action button does.

import type { Action } from "../generated/Action";
import { live } from "./live.svelte";
import { router } from "./route.svelte";

/** Actions that call a command which changes something, or lead to one. */
const CHANGES: ReadonlySet<Action> = new Set<Action>(["sign_in", "retry", "resume", "unlock_keyring"]);

class HelpState {
  /** The action whose instructions are shown. */
  open = $state.raw<Action | null>(null);
  /** Counts up each time somebody asks for the sign-in form. */
  signIn = $state(0);

  /** Whether this page may do it: one that only looks is shown where to look, and nothing that changes something. */
  offers(action: Action): boolean {
    return !live.looking || !CHANGES.has(action);
  }

  perform(action: Action): void {
    switch (action) {
      case "sign_in":
        router.go("home");
        this.signIn += 1;
        break;
      case "retry":
      case "resume":
        void live.act("start");
        break;
      case "open_settings":
        router.go("settings");
        break;
      case "open_doctor":
        router.go("health");
        break;
      case "install_engine":
      case "start_engine":
      case "enable_virtualization":
      case "permit_engine":
      case "start_worker":
      case "unlock_keyring":
      case "pair":
        this.open = action;
        break;
    }
  }
}

export const help = new HelpState();
