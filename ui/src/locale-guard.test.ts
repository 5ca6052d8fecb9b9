import { describe, expect, it } from "vitest";
import { guardNavigator, isLanguageTag, usableLanguages } from "./locale-guard";

describe("locale guard", () => {
  it("knows that Intl refuses the language of LANG=C", () => {
    expect(() => new Intl.NumberFormat("C")).toThrow(RangeError);
    expect(isLanguageTag("C")).toBe(false);
    expect(isLanguageTag("zh-TW")).toBe(true);
    expect(isLanguageTag("")).toBe(false);
    expect(isLanguageTag(undefined)).toBe(false);
  });

  it("replaces what Intl would refuse", () => {
    const nav = { language: "C", languages: ["C"] };
    expect(guardNavigator(nav)).toBe(true);
    expect(() => new Intl.NumberFormat(nav.language)).not.toThrow();
    expect(nav.languages.map((l) => new Intl.NumberFormat(l).format(1))).toEqual(["1"]);
  });

  it("works on accessors of a prototype, as browsers have them", () => {
    class Nav {
      get language(): string {
        return "C";
      }
      get languages(): readonly string[] {
        return Object.freeze(["C", "zh-TW"]);
      }
    }
    const nav = new Nav();
    expect(guardNavigator(nav)).toBe(true);
    expect(nav.language).toBe("zh-TW");
    expect(nav.languages).toEqual(["zh-TW"]);
  });

  it("leaves a sound navigator alone", () => {
    const nav = { language: "zh-TW", languages: ["zh-TW", "en"] };
    expect(guardNavigator(nav)).toBe(false);
    expect(nav).toEqual({ language: "zh-TW", languages: ["zh-TW", "en"] });
  });

  it("always has one language", () => {
    expect(usableLanguages(["C", 3, null])).toEqual(["en-US"]);
  });
});
