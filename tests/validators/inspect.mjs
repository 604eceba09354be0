// What glTF-Transform's `inspect` tells of each file named; prints {file: {warnings, extensions, scenes, meshes, materials, textures}} as JSON.
import { inspect } from "@gltf-transform/functions";
import { reader } from "./gltf_io.mjs";

const found = {};
for (const file of process.argv.slice(2)) {
  const warnings = [];
  const document = await (await reader(warnings)).read(file);
  const { scenes, meshes, materials, textures } = inspect(document);
  const rows = (table) => table.properties.map(({ size, gpuSize, ...row }) => ({ ...row, size: Number(size), gpuSize: Number(gpuSize) }));
  found[file] = {
    warnings: [...warnings, ...[scenes, meshes, materials, textures].flatMap((table) => table.warnings ?? [])],
    extensions: document.getRoot().listExtensionsUsed().map((extension) => extension.extensionName).sort(),
    scenes: rows(scenes),
    meshes: rows(meshes),
    materials: rows(materials),
    textures: rows(textures),
  };
}
console.log(JSON.stringify(found, (_, value) => (Number.isFinite(value) || typeof value !== "number" ? value : null)));
