/**
 * What a `SignalingClient` tells.
 */

import type { ConnectionClosed, SignalingError } from "./errors.js";
import type { ServerMessage } from "./generated/messages.js";

/** The types of the messages that the service sends. */
export type ServerMessageType = ServerMessage["type"];

/** What each message of the service carries, by its type. */
export type ServerPayloads = { [Message in ServerMessage as Message["type"]]: Message["payload"] };

/** A message of the service. */
export class MessageReceived<Type extends Exclude<ServerMessageType, "error">> extends Event {
  declare readonly type: Type;
  readonly payload: ServerPayloads[Type];

  constructor(type: Type, payload: ServerPayloads[Type]) {
    super(type);
    this.payload = payload;
  }
}

/** `message`: any message that this version knows, whole, to be told apart by its `type`. */
export class AnyMessageReceived extends Event {
  readonly message: ServerMessage;

  constructor(message: ServerMessage) {
    super("message");
    this.message = message;
  }
}

/** `error`: a message without a promise of its own was refused. */
export class RequestRefused extends Event {
  readonly error: SignalingError;

  constructor(error: SignalingError) {
    super("error");
    this.error = error;
  }
}

/** `close`: the connection is over, fired once. */
export class ConnectionEnded extends Event {
  readonly closed: ConnectionClosed;

  constructor(closed: ConnectionClosed) {
    super("close");
    this.closed = closed;
  }
}

/** The events of a `SignalingClient`: one for each message of the service but `error`, and those named here. */
export type SignalingClientEvents = {
  [Type in Exclude<ServerMessageType, "error">]: MessageReceived<Type>;
} & {
  message: AnyMessageReceived;
  error: RequestRefused;
  close: ConnectionEnded;
  /** A frame came, of whatever kind; fired after the events of its message. */
  frame: Event;
};
