/**
 * What the browser tells of its network and its sleep. Where there is no browser, nothing is told.
 */

/** Calls back when the network may be another one, or the page was asleep. Answers a function that ends that. */
export function onDoubt(callback: () => void): () => void {
  const page = globalThis.document;
  const shown = (): void => {
    if (page.visibilityState === "visible") callback();
  };
  globalThis.addEventListener?.("online", callback);
  page?.addEventListener("visibilitychange", shown);
  return () => {
    globalThis.removeEventListener?.("online", callback);
    page?.removeEventListener("visibilitychange", shown);
  };
}

/** A wait of so many milliseconds that is `over` sooner when the network comes back, or on `wake`. */
export function pause(milliseconds: number): { over: Promise<void>; wake: () => void } {
  let wake = (): void => {};
  const over = new Promise<void>((resolve) => {
    const timer = setTimeout(() => wake(), milliseconds);
    wake = () => {
      clearTimeout(timer);
      globalThis.removeEventListener?.("online", wake);
      resolve();
    };
    globalThis.addEventListener?.("online", wake);
  });
  return { over, wake };
}
