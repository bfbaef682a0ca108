/**
 * Generates the types of the messages and of the REST API. Run by `sdk/generate_typescript.py`, which makes the
 * two documents from the service's contract:
 *
 *     node generate.mjs MESSAGES_SCHEMA OPENAPI_DOCUMENT TARGET_FOLDER
 */

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { compile } from "json-schema-to-typescript";
import openapiTS, { astToString } from "openapi-typescript";
import ts from "typescript";

const [messages, openapi, target] = process.argv.slice(2);

mkdirSync(target, { recursive: true });
writeFileSync(join(target, "messages.ts"), await messageTypes(readJson(messages)));
writeFileSync(join(target, "rest.ts"), await restTypes(readJson(openapi)));

function readJson(path) {
  return JSON.parse(readFileSync(path, "utf8"));
}

/** Each message an interface, each direction a union that `type` tells apart. */
async function messageTypes(schema) {
  const code = await compile(schema, "Contract", {
    additionalProperties: false,
    unreachableDefinitions: true,
    bannerComment: banner("Every WebSocket message, both directions, and what they are made of."),
    format: true,
    style: { printWidth: 110 },
  });
  // The generator makes an interface of the document itself, which has none, and says of every definition that it
  // was found there.
  const own = /\nexport interface Contract \{\n {2}\[k: string\]: unknown;\n\}/;
  const found = /(?:\n \*)?\n \* This interface was referenced by `Contract`'s JSON-Schema\n \* via the `definition` "\w+"\./g;
  if (!own.test(code) || !found.test(code)) throw new Error("the generator writes otherwise than it did");
  return code.replace(own, "").replace(found, "");
}

/** Paths, operations and bodies; each body also under its own name. */
async function restTypes(document) {
  const nodes = await openapiTS(document, {
    defaultNonNullable: false,
    rootTypes: true,
    rootTypesNoSchemaPrefix: true,
    transform: (schema) => (schema["x-known-values"] ? openUnion(schema["x-known-values"]) : undefined),
  });
  return `${banner("Every REST call and body.")}\n\n${astToString(nodes)}`;
}

/** `"a" | "b" | (string & {})`: editors offer the known values, and others are no error. */
function openUnion(values) {
  const { factory } = ts;
  const anyString = factory.createParenthesizedType(
    factory.createIntersectionTypeNode([
      factory.createKeywordTypeNode(ts.SyntaxKind.StringKeyword),
      factory.createTypeLiteralNode([]),
    ]),
  );
  const known = values.map((value) => factory.createLiteralTypeNode(factory.createStringLiteral(value)));
  return factory.createUnionTypeNode([...known, anyString]);
}

function banner(what) {
  return `/**
 * ${what}
 *
 * Generated from the service's contract, never edited: \`make contract\` writes it anew.
 *
 * What the service sends is open: \`"left" | (string & {})\` names the values known today, and a newer service may
 * send others.
 */`;
}
