/** How long a browser has for taking the file over, in milliseconds. */
const KEPT_MS = 60_000;

/** Hands a text to the browser as a file. Where it goes, only the browser knows. */
export function download(name: string, text: string): Promise<null> {
  const type = name.endsWith(".csv") ? "text/csv" : "text/plain";
  const address = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), KEPT_MS);
  return Promise.resolve(null);
}
