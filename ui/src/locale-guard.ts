// Imported before everything else. Under LANG=C WebKitGTK reports the language "C"; libraries that hand
// `navigator.language` to Intl while they load (uPlot does) would then throw and leave an empty window.

const FALLBACK = "en-US";

/** Whether Intl accepts the text as a language tag. */
export function isLanguageTag(tag: unknown): tag is string {
  if (typeof tag !== "string" || tag === "") return false;
  try {
    return Intl.getCanonicalLocales(tag).length === 1;
  } catch {
    return false;
  }
}

/** The usable tags among `tags`, never empty. */
export function usableLanguages(tags: readonly unknown[]): string[] {
  const usable = tags.filter(isLanguageTag);
  return usable.length > 0 ? usable : [FALLBACK];
}

/** Makes `language` and `languages` of a navigator safe to hand to Intl. Says whether anything was replaced. */
export function guardNavigator(nav: { language?: unknown; languages?: unknown }): boolean {
  const listed = Array.isArray(nav.languages) ? (nav.languages as unknown[]) : [];
  const sound = isLanguageTag(nav.language) && listed.length > 0 && listed.every(isLanguageTag);
  if (sound) return false;
  const languages = Object.freeze(usableLanguages([nav.language, ...listed]));
  Object.defineProperty(nav, "language", { value: languages[0], configurable: true });
  Object.defineProperty(nav, "languages", { value: languages, configurable: true });
  return true;
}

if (typeof navigator !== "undefined") guardNavigator(navigator);
