/** Compiles `src` into `dist`, from nothing: what is published holds no file of an older build. */

import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { createRequire } from "node:module";

const folder = import.meta.dirname ?? new URL(".", import.meta.url).pathname;
rmSync(`${folder}/dist`, { recursive: true, force: true });
execFileSync(process.execPath, [createRequire(import.meta.url).resolve("typescript/bin/tsc")], {
  cwd: folder,
  stdio: "inherit",
});
