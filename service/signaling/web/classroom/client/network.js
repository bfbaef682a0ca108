// Compiled from sdk/typescript/src/network.ts, never edited: `make contract` writes it anew.
/**
 * What the browser tells of its network and its sleep. Where there is no browser, nothing is told.
 */
/** Calls back when the network may be another one, or the page was asleep. Answers a function that ends that. */
export function onDoubt(callback) {
    const page = globalThis.document;
    const shown = () => {
        if (page.visibilityState === "visible")
            callback();
    };
    globalThis.addEventListener?.("online", callback);
    page?.addEventListener("visibilitychange", shown);
    return () => {
        globalThis.removeEventListener?.("online", callback);
        page?.removeEventListener("visibilitychange", shown);
    };
}
/** A wait of so many milliseconds that is `over` sooner when the network comes back, or on `wake`. */
export function pause(milliseconds) {
    let wake = () => { };
    const over = new Promise((resolve) => {
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
