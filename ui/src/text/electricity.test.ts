import { afterEach, describe, expect, it } from "vitest";
import { energyOf, NOTHING } from "../model/electricity";
import { energy, money, partName, power, taken, whyUnknown } from "./electricity";
import { locale } from "./locale.svelte";

afterEach(() => locale.choose("en"));

const han = /\p{Script=Han}/u;

describe("electricity", () => {
  it("is told in watt-hours, and in kilowatt-hours from one on", () => {
    expect([0, 1, 7, 999, 12_345, 123_456, 999_499, 999_500, 1_234_567, 99_949_000, 1_234_567_890_123].map(energy)).toEqual([
      "0 Wh", "0.001 Wh", "0.007 Wh", "0.999 Wh", "12.3 Wh", "123 Wh", "999 Wh", "1 kWh", "1.23 kWh", "99.9 kWh", "1,234,568 kWh",
    ]);
    expect([11_240, 400, 250_400].map(power)).toEqual(["11.2 W", "0.4 W", "250 W"]);
    expect(energy(Number.NaN)).toBe("0 Wh");
  });

  it("costs what its currency writes, and a little never becomes nothing", () => {
    expect([0, 1, 3_400, 99_600, 100_000, 1_604_000, 12_345_678_900].map((micros) => money(micros, "EUR"))).toEqual([
      "€0.00", "€0.0000010", "€0.0034", "€0.10", "€0.10", "€1.60", "€12,345.68",
    ]);
    expect([1_604_000, 34_000, 12_600_000].map((micros) => money(micros, "JPY"))).toEqual(["¥1.6", "¥0.034", "¥13"]);
    expect(money(1_604_000, "TWD")).toBe("NT$1.60");
    // A currency that nobody has is written out, and without one the number stands alone.
    expect(money(1_604_000, "XQZ").replace("\u00a0", " ")).toBe("XQZ 1.60");
    expect([money(1_604_000, ""), money(3_400, ""), money(1_604_000, "no currency"), money(1_604_000, "<b>")]).toEqual(["1.60", "0.0034", "1.60", "1.60"]);
  });

  it("is told together with its cost, as far as either is known", () => {
    expect([taken(12_345, 3_400, "EUR"), taken(12_345, null, ""), taken(null, null, "EUR")]).toEqual(["12.3 Wh · €0.0034", "12.3 Wh", ""]);
    expect([energyOf(NOTHING), energyOf({ ...NOTHING, known_tasks: 1, cpu_mwh: 2, gpu_mwh: 3 })]).toEqual([null, 5]);
  });

  it("says why it is not known in both languages, and a newer word as it is", () => {
    for (const part of ["cpu", "gpu"] as const) {
      for (const word of ["no_sensor", "no_permission", "learning"]) {
        locale.choose("en");
        expect([part, word, han.test(whyUnknown(part, word)), whyUnknown(part, word) === word]).toEqual([part, word, false, false]);
        locale.choose("zh-tw");
        expect([part, word, han.test(whyUnknown(part, word))]).toEqual([part, word, true]);
      }
      expect([whyUnknown(part, "of_a_newer_worker"), whyUnknown(part, "toString")]).toEqual(["of_a_newer_worker", "toString"]);
    }
    expect([partName({ device: "cpu", milliwatts: 1 }), partName({ device: "Some GPU", milliwatts: 1 })]).toEqual(["CPU", "Some GPU"]);
  });
});
