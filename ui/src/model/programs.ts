// Programs that want something of the computer for themselves, as the settings name them: `game.exe, blender:gpu`. Pure.

export const SCOPES = ["everything", "gpu", "network"] as const;
/** What a program wants for itself. */
export type Scope = (typeof SCOPES)[number];

export interface Program {
  name: string;
  scope: Scope;
}

/** The programs that a text names, as the worker reads it; a program that is named twice is there twice. */
export function readPrograms(text: string): Program[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .map((part): Program => {
      const colon = part.lastIndexOf(":");
      const word = part.slice(colon + 1).trim().toLowerCase();
      const scope = colon < 0 ? undefined : SCOPES.find((one) => one !== "everything" && one === word);
      return scope === undefined ? { name: part, scope: "everything" } : { name: part.slice(0, colon).trim(), scope };
    })
    .filter(({ name }) => name !== "");
}

export function writePrograms(programs: readonly Program[]): string {
  return programs.map(({ name, scope }) => (scope === "everything" ? name : `${name}:${scope}`)).join(", ");
}

/** Whether the settings can name this program at all: a comma in its name would end it, and so would some colons. */
export function canName(name: string): boolean {
  const [program, other] = readPrograms(name);
  return other === undefined && program?.name === name.trim() && program.scope === "everything";
}

/** Whether two names mean the same program; the worker looks at neither's capitals. */
export function sameName(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}
