// Opens each KTX2 file with ktx-parse and with Binomial's transcoder, as three.js ships it. Prints {file: {container, transcoder}} as JSON
// and writes <file>.<level>.<target> for every level: rgba (8 bits a channel), bc7, etc1, etc2, astc, bc1.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { read } from "ktx-parse";

const TARGETS = { etc1: 0, etc2: 1, bc1: 2, bc7: 6, astc: 10, rgba: 13 };

const script = createRequire(import.meta.url).resolve("three/examples/jsm/libs/basis/basis_transcoder.js");
globalThis.__dirname = dirname(script);
globalThis.require = createRequire(import.meta.url);
const BASIS = new Function(`${readFileSync(script, "utf8")}; return BASIS;`)();
const basis = await BASIS({ wasmBinary: readFileSync(script.replace(/js$/, "wasm")) });
basis.initializeBasis();

function container(bytes) {
  const file = read(new Uint8Array(bytes));
  const { vkFormat, typeSize, pixelWidth, pixelHeight, pixelDepth, layerCount, faceCount, supercompressionScheme } = file;
  const levels = file.levels.map((level) => [level.levelData.length, level.uncompressedByteLength]);
  return { vkFormat, typeSize, pixelWidth, pixelHeight, pixelDepth, layerCount, faceCount, supercompressionScheme, levels, dfd: file.dataFormatDescriptor, keyValue: file.keyValue };
}

function transcoder(bytes, name) {
  const file = new basis.KTX2File(new Uint8Array(bytes));
  if (!file.isValid() || !file.startTranscoding()) throw new Error(`${name}: the transcoder refuses it`);
  for (let level = 0; level < file.getLevels(); level++) {
    for (const [target, format] of Object.entries(TARGETS)) {
      const out = new Uint8Array(file.getImageTranscodedSizeInBytes(level, 0, 0, format));
      if (!file.transcodeImage(out, level, 0, 0, format, 0, -1, -1)) throw new Error(`${name}: level ${level} does not become ${target}`);
      writeFileSync(`${name}.${level}.${target}`, out);
    }
  }
  const said = { width: file.getWidth(), height: file.getHeight(), levels: file.getLevels(), alpha: Boolean(file.getHasAlpha()), uastc: Boolean(file.isUASTC()) };
  file.close();
  file.delete();
  return said;
}

const found = {};
for (const name of process.argv.slice(2)) {
  const bytes = readFileSync(name);
  found[name] = { container: container(bytes), transcoder: transcoder(bytes, name) };
}
console.log(JSON.stringify(found, (key, value) => (value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : value)));
