/**
 * Keeps the screen on during a call, where the browser can.
 */

/** @type {WakeLockSentinel | null} */
let lock = null;
let wanted = false;

/** @param {boolean} awake */
export function keepAwake(awake) {
  wanted = awake;
  renew();
}

async function renew() {
  if (!wanted) {
    await lock?.release();
    lock = null;
  } else if (document.visibilityState === "visible" && "wakeLock" in navigator) {
    // Refused on a low battery: the screen then dims as it always does.
    lock = await navigator.wakeLock.request("screen").catch(() => null);
  }
}

// A hidden page loses its lock.
document.addEventListener("visibilitychange", renew);
