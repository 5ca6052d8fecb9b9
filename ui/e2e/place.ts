/** A part's name (`data-testid`) with conditions in brackets, parts inside others after a space; `css:` says a selector. */
export function selector(place: string): string {
  if (place.startsWith("css:")) return place.slice(4);
  const part = (word: string): string => {
    const at = word.includes("[") ? word.indexOf("[") : word.length;
    return `[data-testid='${word.slice(0, at)}']${word.slice(at).replaceAll("=", "='").replaceAll("]", "']")}`;
  };
  return place.split(" ").map(part).join(" ");
}
