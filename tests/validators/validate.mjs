// Runs Khronos' glTF validator on each file named; prints {file: {errors, warnings, infos, messages}} as JSON.
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import validator from "gltf-validator";

const reports = {};
for (const file of process.argv.slice(2)) {
  const report = await validator.validateBytes(new Uint8Array(readFileSync(file)), {
    uri: file,
    externalResourceFunction: async (uri) => new Uint8Array(readFileSync(resolve(dirname(file), decodeURIComponent(uri)))),
  });
  const { numErrors, numWarnings, numInfos, messages } = report.issues;
  reports[file] = { errors: numErrors, warnings: numWarnings, infos: numInfos, messages };
}
console.log(JSON.stringify(reports));
