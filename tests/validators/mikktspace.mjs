// Reads raw float32 corners (position, normal, uv: 8 numbers each) from a file; writes each corner's MikkTSpace tangent (4 numbers) to another.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";

const { generateTangents } = createRequire(import.meta.url)("mikktspace");
const [source, target] = process.argv.slice(2);
const bytes = readFileSync(source);
const rows = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
const count = rows.length / 8;
const column = (first, width) => {
  const out = new Float32Array(count * width);
  for (let i = 0; i < count; i++) out.set(rows.subarray(i * 8 + first, i * 8 + first + width), i * width);
  return out;
};
const tangents = generateTangents(column(0, 3), column(3, 3), column(6, 2));
writeFileSync(target, new Uint8Array(tangents.buffer, tangents.byteOffset, tangents.byteLength));
