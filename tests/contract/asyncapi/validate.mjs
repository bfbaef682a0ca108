// Prints what AsyncAPI's own parser finds in documents: for each an array of diagnostics; severity 0 are errors.
import { readFile } from "node:fs/promises";
import { Parser } from "@asyncapi/parser";

const told = [];
for (const file of process.argv.slice(2)) {
  const { diagnostics } = await new Parser().parse(await readFile(file, "utf8"));
  told.push(
    diagnostics.map(({ severity, code, path, message }) => ({ severity, code, path: path.join("/"), message })),
  );
}
process.stdout.write(JSON.stringify(told));
