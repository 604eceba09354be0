// Loads each GLB named with three.js' GLTFLoader; prints {file: [{name, vertices, triangles, attributes, maps, low, high}]} as JSON.
import { readFileSync } from "node:fs";

globalThis.self = globalThis;
globalThis.window = globalThis;
globalThis.createImageBitmap = async () => ({ width: 1, height: 1, close() {} }); // node decodes no pictures
const { GLTFLoader } = await import("three/addons/loaders/GLTFLoader.js");
const { MeshoptDecoder } = await import("three/addons/libs/meshopt_decoder.module.js");

const found = {};
for (const file of process.argv.slice(2)) {
  const bytes = readFileSync(file);
  const gltf = await new GLTFLoader().setMeshoptDecoder(MeshoptDecoder).parseAsync(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length), "");
  found[file] = [];
  gltf.scene.updateMatrixWorld(true);
  gltf.scene.traverse((node) => {
    if (!node.isMesh) return;
    const { geometry, material } = node;
    geometry.computeBoundingBox();
    found[file].push({
      name: node.name,
      vertices: geometry.attributes.position.count,
      triangles: geometry.index.count / 3,
      attributes: Object.keys(geometry.attributes).sort(),
      maps: ["map", "normalMap", "aoMap", "roughnessMap", "metalnessMap", "emissiveMap"].filter((key) => material[key]),
      low: geometry.boundingBox.min.toArray(),
      high: geometry.boundingBox.max.toArray(),
    });
  });
}
console.log(JSON.stringify(found));
