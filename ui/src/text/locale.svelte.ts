// The language the screens speak. Messages ask for it each time they are drawn, so a change redraws them all.

import { overwriteGetLocale, type Locale } from "../generated/paraglide/runtime";

/** Picks the language: the owner's choice, else the first of the system's languages that we have. */
export function chooseLocale(choice: string, languages: readonly string[]): Locale {
  const wanted = choice.toLowerCase();
  if (wanted === "zh-tw") return "zh-TW";
  if (wanted === "en") return "en";
  for (const tag of languages) {
    const language = tag.toLowerCase();
    // Simplified Chinese readers are better served by Traditional Chinese than by English.
    if (language === "zh" || language.startsWith("zh-")) return "zh-TW";
    if (language === "en" || language.startsWith("en-")) return "en";
  }
  return "en";
}

let current = $state<Locale>("en");
overwriteGetLocale(() => current);

export const locale = {
  get current(): Locale {
    return current;
  },
  /** Takes `auto`, `en` or `zh-tw`, as the settings write it. */
  choose(choice: string): void {
    const languages = typeof navigator === "undefined" ? [] : navigator.languages;
    current = chooseLocale(choice, languages);
  },
};
