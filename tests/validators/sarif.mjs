// Validates each file named against the SARIF 2.1.0 schema that Microsoft's SDK ships; prints {file: [errors]} as JSON.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import Ajv from "ajv";

const require = createRequire(import.meta.url);
const ajv = new Ajv({ schemaId: "auto", validateSchema: false, allErrors: true });
ajv.addMetaSchema(require("ajv/lib/refs/json-schema-draft-04.json"));
const validate = ajv.compile(require("@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json"));

const found = {};
for (const file of process.argv.slice(2)) {
  validate(JSON.parse(readFileSync(file, "utf8")));
  found[file] = (validate.errors ?? []).map((error) => `${error.dataPath} ${error.message}`);
}
console.log(JSON.stringify(found));
