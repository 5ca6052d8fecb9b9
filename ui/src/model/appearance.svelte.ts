// Language and theme of the document itself.

import { locale } from "../text/locale.svelte";

/** The theme to show for a choice of `system`, `light` or `dark`. */
export function resolveTheme(choice: string, systemDark: boolean): "light" | "dark" {
  if (choice === "light" || choice === "dark") return choice;
  return systemDark ? "dark" : "light";
}

class Appearance {
  /** The theme shown now. */
  theme = $state.raw<"light" | "dark">("light");
  #choice = "system";
  readonly #dark = typeof matchMedia === "function" ? matchMedia("(prefers-color-scheme: dark)") : null;

  constructor() {
    this.#dark?.addEventListener("change", () => this.#show());
    this.#show();
  }

  #show(): void {
    this.theme = resolveTheme(this.#choice, this.#dark?.matches ?? false);
    if (typeof document !== "undefined") document.documentElement.dataset["theme"] = this.theme;
  }

  /** Takes the owner's choices as the snapshot holds them. */
  take(language: string, theme: string): void {
    locale.choose(language);
    document.documentElement.lang = locale.current;
    if (theme !== this.#choice) {
      this.#choice = theme;
      this.#show();
    }
  }
}

export const appearance = new Appearance();
