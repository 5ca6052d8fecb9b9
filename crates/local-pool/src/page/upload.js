// One upload that tells how far it is. XMLHttpRequest, because fetch does not tell what has been sent.
import { Refused } from "/refused.js";

/** It ended before the pool answered. `whole`: everything had been sent, so that the pool may have taken it. */
export class Broken extends Error {
  constructor(cancelled, whole) {
    super(cancelled ? "cancelled" : "broken");
    this.cancelled = cancelled;
    this.whole = whole;
  }
}

/** Sends `form`; calls `moved(sent, total)` in bytes. Resolves with the pool's answer. */
export function upload(path, token, form, signal, moved) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    let whole = false;
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) moved(event.loaded, event.total);
    });
    request.upload.addEventListener("load", (event) => {
      whole = true;
      moved(event.total, event.total);
    });
    request.addEventListener("load", () => {
      if (request.status >= 200 && request.status < 300) resolve(request.response);
      else reject(Refused.of(request.status, request.response));
    });
    request.addEventListener("error", () => reject(new Broken(false, whole)));
    request.addEventListener("abort", () => reject(new Broken(true, whole)));
    signal.addEventListener("abort", () => request.abort());
    request.open("POST", path);
    request.setRequestHeader("authorization", `Bearer ${token}`);
    request.send(form);
  });
}
