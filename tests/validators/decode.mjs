// Reads a GLB with glTF-Transform (Draco, meshopt, quantisation undone) and writes it as a plain GLB: decode.mjs SOURCE TARGET.
import { dequantize } from "@gltf-transform/functions";
import { reader } from "./gltf_io.mjs";

const [source, target] = process.argv.slice(2);
const said = [];
const io = await reader(said);
const document = await io.read(source);
await document.transform(dequantize());
const packed = ["EXT_meshopt_compression", "KHR_meshopt_compression", "KHR_draco_mesh_compression", "KHR_mesh_quantization"];
for (const extension of document.getRoot().listExtensionsUsed()) if (packed.includes(extension.extensionName)) extension.dispose();
await io.write(target, document);
console.log(JSON.stringify(said));
