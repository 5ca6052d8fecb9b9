// How a person mends what only a person can mend.

import type { Action } from "../generated/Action";
import { m } from "./messages";

export interface Help {
  title: string;
  text: string;
  /** Commands to copy, in order. */
  commands: string[];
  caution: string | null;
}

/** Instructions for an action that the app cannot do itself; nothing for one that it can. */
export function helpFor(action: Action, os: string): Help | null {
  const windows = os === "windows";
  const plain = (title: string, text: string, commands: string[] = []): Help => ({ title, text, commands, caution: null });
  switch (action) {
    case "install_engine":
      return windows
        ? plain(m.help_install_engine(), m.help_install_engine_windows())
        : plain(m.help_install_engine(), m.help_install_engine_linux(), ["sudo apt install docker.io"]);
    case "start_engine":
      return windows
        ? plain(m.help_start_engine(), m.help_start_engine_windows())
        : plain(m.help_start_engine(), m.help_start_engine_linux(), ["sudo systemctl enable --now docker"]);
    case "enable_virtualization":
      return windows
        ? plain(m.help_enable_virtualization(), m.help_enable_virtualization_windows())
        : plain(m.help_enable_virtualization(), m.help_enable_virtualization_linux(), ["systemctl reboot --firmware-setup"]);
    case "permit_engine":
      return {
        ...(windows
          ? plain(m.help_permit_engine(), m.help_permit_engine_windows())
          : plain(m.help_permit_engine(), m.help_permit_engine_linux(), ["sudo usermod -aG docker $USER"])),
        caution: m.help_permit_caution(),
      };
    case "start_worker":
      return plain(m.help_start_worker(), m.help_start_worker_text(), ["hivemind-worker run"]);
    case "unlock_keyring":
      return plain(m.help_unlock_keyring(), m.help_unlock_keyring_text());
    case "pair":
      return plain(m.help_pair(), m.pair_text(), ["hivemind-worker open"]);
    case "sign_in":
    case "retry":
    case "resume":
    case "open_settings":
    case "open_doctor":
      return null;
  }
}
