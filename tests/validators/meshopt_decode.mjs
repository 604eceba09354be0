// Decodes meshopt streams with the decoder of npm's meshoptimizer. Reads {name: {mode, filter, count, stride, data}} (data in base64) from a JSON
// file; prints {name: decoded bytes in base64} as JSON.
import { readFileSync } from "node:fs";
import { MeshoptDecoder } from "meshoptimizer";

await MeshoptDecoder.ready;
const found = {};
for (const [name, { mode, filter, count, stride, data }] of Object.entries(JSON.parse(readFileSync(process.argv[2], "utf8")))) {
  const target = new Uint8Array(count * stride);
  MeshoptDecoder.decodeGltfBuffer(target, count, stride, new Uint8Array(Buffer.from(data, "base64")), mode, filter);
  found[name] = Buffer.from(target).toString("base64");
}
console.log(JSON.stringify(found));
