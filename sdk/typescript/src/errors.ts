/**
 * What goes wrong: a message that was refused, or a connection that ended.
 */

import type { ErrorCode, ErrorPayload } from "./generated/messages.js";

/** Closes of RFC 6455, section 7.4.1, and of its registry, after which a new connection may do better. */
const PASSING_CLOSES: ReadonlySet<number> = new Set([1001, 1005, 1006, 1011, 1012, 1013, 1014]);

/**
 * What a close asks of the client: nothing more (`done`), to connect again (`reconnect`), or not to (`final`).
 */
export type CloseKind = "done" | "reconnect" | "final";

/**
 * What a close code asks of the client. The service's own codes tell by their range: 4000 to 4499 reconnect, 4500
 * to 4999 do not. So a code that this version does not know is understood, too.
 */
export function closeKind(code: number): CloseKind {
  if (code === 1000) return "done";
  if (code >= 4000 && code <= 4499) return "reconnect";
  return PASSING_CLOSES.has(code) ? "reconnect" : "final";
}

/** Which message of ours an error is about: its type, and for whom it was. Empty if that is not known. */
export interface RefusedMessage {
  type?: string;
  to?: string;
}

/** The service refused a message; nothing was changed. */
export class SignalingError extends Error {
  override readonly name = "SignalingError";
  /** For programs: see the error codes of the service's documentation. A newer service may have others. */
  readonly code: ErrorCode | (string & {});
  /** Seconds to wait before trying again, or null if the service names no time. */
  readonly retryAfter: number | null;
  readonly about: RefusedMessage;

  constructor(payload: Partial<ErrorPayload>, about: RefusedMessage = {}) {
    super(String(payload.message ?? payload.code ?? "error"));
    this.code = String(payload.code ?? "server_error");
    this.retryAfter = typeof payload.retry_after === "number" ? payload.retry_after : null;
    this.about = about;
  }
}

/** The connection closed, or never opened. */
export class ConnectionClosed extends Error {
  override readonly name = "ConnectionClosed";
  /** The close code (RFC 6455, section 7.4); 1006 if there was no close frame, or no connection at all. */
  readonly code: number;
  readonly reason: string;
  readonly kind: CloseKind;

  constructor(code: number, reason = "") {
    super(`the connection closed with ${code}${reason && `: ${reason}`}`);
    this.code = code;
    this.reason = reason;
    this.kind = closeKind(code);
  }
}
