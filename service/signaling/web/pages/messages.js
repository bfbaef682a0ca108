/**
 * Shows the AsyncAPI document with AsyncAPI's React component.
 *
 * The component without its parser takes a document whose references are resolved already. That is done here in a few
 * lines, for the document is our own and the tests have found it valid; so nothing on this page makes code of strings,
 * and its Content-Security-Policy can forbid it.
 */

const COMPONENT = "/api/assets/asyncapi-react.js";
const DOCUMENT = "/api/asyncapi.json";

/** How long the component may take to draw the page: some seconds. */
const MAX_FRAMES = 300;

/** Where the component looks for the name that an object has in the document. */
const NAME = "x-parser-unique-object-id";

/** Schemas marked so are shown without "additional properties are allowed", which is true of all of them. */
const BRIEF = "x-schema-private-render-additional-info";

/**
 * Loads the component, which sets `AsyncApiStandalone`.
 *
 * As it loads it compiles validators of JSON Schemas from strings, for a parser that is not there. The policy forbids
 * that, and nothing uses them: `new Function` gives it empty ones meanwhile.
 */
async function loadComponent() {
  const { Function } = globalThis;
  globalThis.Function = new Proxy(Function, { construct: () => () => () => true });
  try {
    await new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = COMPONENT;
      script.addEventListener("load", resolve);
      script.addEventListener("error", () => reject(new Error(`${COMPONENT} did not load`)));
      document.head.append(script);
    });
  } finally {
    globalThis.Function = Function;
  }
}

/** The document. */
async function fetchDocument() {
  const response = await fetch(DOCUMENT);
  if (!response.ok) {
    throw new Error(`${DOCUMENT} was answered ${response.status}`);
  }
  return response.json();
}

/** Puts what a `$ref` means in its place, everywhere in `root`. Nothing in it refers to itself. */
function resolveReferences(root) {
  const done = new Set();
  const target = (pointer) => pointer.slice(2).split("/").reduce((part, key) => part[key], root);
  const resolved = (value) => {
    if (typeof value?.$ref === "string") {
      return resolved(target(value.$ref));
    }
    if (typeof value === "object" && value !== null && !done.has(value)) {
      done.add(value);
      for (const key of Object.keys(value)) {
        value[key] = resolved(value[key]);
      }
    }
    return value;
  };
  resolved(root);
}

/** What the component shows of a message: its fields and its examples. What is said of it stands above them. */
function messageView(message) {
  const { description, ...payload } = message.payload;
  return { name: message.name, payload, examples: message.examples };
}

/**
 * The document as the page shows it: each operation under the `type` of its message, with all there is to say of it,
 * once; and of the servers, the one that the reader is at. The document itself has one channel for all, and says some
 * things of the message and of the operation.
 */
function pageView(full) {
  for (const schema of Object.values(full.components.schemas)) {
    schema[BRIEF] = false;
  }
  const operations = Object.entries(full.operations).map(([name, operation]) => {
    const [message] = operation.messages;
    const view = {
      [NAME]: name,
      action: operation.action,
      // A server that is none: without any, all are listed at every operation.
      channel: { address: message.name, servers: [null] },
      description: `${message.summary}\n\n${message.description}`,
      messages: [{ ...messageView(message), [NAME]: name }],
    };
    return [name, view];
  });
  const { title, version, description, license } = full.info;
  const server = {
    host: location.host,
    pathname: full.channels.signaling.address,
    protocol: location.protocol === "https:" ? "wss" : "ws",
    description: "The service that this page comes from.",
  };
  return {
    asyncapi: full.asyncapi,
    info: { title, version, description, license },
    servers: { here: server },
    operations: Object.fromEntries(operations),
    "x-parser-spec-parsed": true,
    "x-parser-api-version": 3,
  };
}

/** The next time that the browser draws the page: by then the component has done what it does after a change. */
function nextFrame() {
  return new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
}

/** Opens every message's fields, so that they are read, and found by a search in the page, without a click. */
async function openFields(place) {
  const closed = () =>
    [...place.querySelectorAll("#operations button")].filter(({ textContent }) => textContent === "Expand all");
  // The component draws in its own time, and closes what is opened while it does.
  for (let frames = 0; frames < MAX_FRAMES; frames += 1) {
    await nextFrame();
    const buttons = closed();
    if (buttons.length === 0 && place.querySelector("#operations") !== null) {
      return;
    }
    for (const button of buttons) {
      button.click();
    }
  }
}

const place = document.getElementById("docs");
try {
  const [full] = await Promise.all([fetchDocument(), loadComponent()]);
  resolveReferences(full);
  AsyncApiStandalone.render(
    {
      schema: pageView(full),
      config: {
        show: { sidebar: true, messages: false, schemas: false, errors: false },
        expand: { messageExamples: true },
        sidebar: { useChannelAddressAsIdentifier: true },
        receiveLabel: "You send",
        sendLabel: "You get",
      },
    },
    place,
  );
  await openFields(place);
  place.dataset.shown = "";
  // What was not there yet when the browser looked for it.
  document.getElementById(location.hash.slice(1))?.scrollIntoView();
} catch (error) {
  place.className = "failed";
  place.textContent = `The message catalog cannot be shown (${error.message}). The document itself is at ${DOCUMENT}.`;
}
