// Compiled from sdk/typescript/src/outbox.ts, never edited: `make contract` writes it anew.
/**
 * What is to be sent while there is no connection, kept for the same seat on the next one.
 */
/** How much is kept: a class of thirty that negotiates anew with everybody, candidates and all. */
const MOST = 1024;
export class Outbox {
    #relays = [];
    #complete = true;
    /** Whether everything that was put in is still there. */
    get complete() {
        return this.#complete;
    }
    /** Keep it. Above the bound all is given up, for a part of a negotiation is of no use. */
    put(relay) {
        if (this.#relays.length >= MOST) {
            this.#relays = [];
            this.#complete = false;
        }
        if (this.#complete)
            this.#relays.push(relay);
    }
    /** Take everything out, in its order. */
    clear() {
        const relays = this.#relays;
        this.#relays = [];
        this.#complete = true;
        return relays;
    }
}
