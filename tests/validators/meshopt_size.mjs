// Packs each plain GLB named as glTF-Transform does at its highest level; prints {file: bytes} as JSON.
import { Logger, NodeIO } from "@gltf-transform/core";
import { ALL_EXTENSIONS } from "@gltf-transform/extensions";
import { meshopt } from "@gltf-transform/functions";
import { MeshoptEncoder } from "meshoptimizer";

await MeshoptEncoder.ready;
const io = new NodeIO().registerExtensions(ALL_EXTENSIONS).registerDependencies({ "meshopt.encoder": MeshoptEncoder });
const found = {};
for (const file of process.argv.slice(2)) {
  const document = (await io.read(file)).setLogger(new Logger(Logger.Verbosity.SILENT));
  await document.transform(meshopt({ encoder: MeshoptEncoder, level: "high", quantizePosition: 14, quantizeTexcoord: 14 }));
  found[file] = (await io.writeBinary(document)).byteLength;
}
console.log(JSON.stringify(found));
