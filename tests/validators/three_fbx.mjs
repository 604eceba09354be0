// Loads each FBX named with three.js' FBXLoader; prints {file: [{name, parent, triangles, attributes, materials, bones, low, high}]} as JSON.
import { readFileSync } from "node:fs";
import { dirname } from "node:path";

globalThis.self = globalThis;
globalThis.window = globalThis;
globalThis.document = { createElementNS: () => ({ addEventListener() {}, removeEventListener() {} }) }; // node decodes no pictures
const { Box3 } = await import("three");
const { FBXLoader } = await import("three/addons/loaders/FBXLoader.js");

const found = {};
for (const file of process.argv.slice(2)) {
  const bytes = readFileSync(file);
  const group = new FBXLoader().parse(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length), `${dirname(file)}/`);
  found[file] = [];
  group.updateMatrixWorld(true);
  group.traverse((node) => {
    if (!node.isMesh) return;
    const { geometry } = node;
    const box = new Box3().setFromObject(node, true);
    found[file].push({
      name: node.name,
      parent: node.parent.name,
      triangles: (geometry.index ?? geometry.attributes.position).count / 3,
      attributes: Object.keys(geometry.attributes).sort(),
      materials: [node.material].flat().map((material) => ({
        name: material.name,
        maps: ["map", "normalMap", "emissiveMap"].filter((key) => material[key]),
      })),
      bones: node.isSkinnedMesh ? node.skeleton.bones.map((bone) => bone.name) : [],
      low: box.min.toArray(),
      high: box.max.toArray(),
    });
  });
}
console.log(JSON.stringify(found));
