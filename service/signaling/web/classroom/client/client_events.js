// Compiled from sdk/typescript/src/client_events.ts, never edited: `make contract` writes it anew.
/**
 * What a `SignalingClient` tells.
 */
/** A message of the service. */
export class MessageReceived extends Event {
    payload;
    constructor(type, payload) {
        super(type);
        this.payload = payload;
    }
}
/** `message`: any message that this version knows, whole, to be told apart by its `type`. */
export class AnyMessageReceived extends Event {
    message;
    constructor(message) {
        super("message");
        this.message = message;
    }
}
/** `error`: a message without a promise of its own was refused. */
export class RequestRefused extends Event {
    error;
    constructor(error) {
        super("error");
        this.error = error;
    }
}
/** `close`: the connection is over, fired once. */
export class ConnectionEnded extends Event {
    closed;
    constructor(closed) {
        super("close");
        this.closed = closed;
    }
}
