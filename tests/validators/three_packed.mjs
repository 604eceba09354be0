// Loads each GLB named with three.js' GLTFLoader and the meshopt and Draco decoders that three.js ships; prints
// {file: [{name, attributes: {name: {width, numbers}}, index, matrix, bones}]} as JSON, numbers as float32 in base64.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

globalThis.self = globalThis;
globalThis.window = globalThis;
globalThis.createImageBitmap = async () => ({ width: 1, height: 1, close() {} }); // node decodes no pictures
const { BufferAttribute, BufferGeometry } = await import("three");
const { GLTFLoader } = await import("three/addons/loaders/GLTFLoader.js");
const { MeshoptDecoder } = await import("three/addons/libs/meshopt_decoder.module.js");

const decoderFile = createRequire(import.meta.url).resolve("three/examples/jsm/libs/draco/gltf/draco_decoder.js");
// Without `process` it takes node for a browser; as a module it could not `require` what it wants of node.
const draco = await new Function("process", `${readFileSync(decoderFile, "utf8")}; return DracoDecoderModule;`)()();

// DRACOLoader's worker, done in this thread: node has no web workers.
const dracoLoader = {
  preload() {},
  decodeDracoFile(bytes, callback, ids) {
    const decoder = new draco.Decoder();
    const mesh = new draco.Mesh();
    const status = decoder.DecodeArrayToMesh(new Int8Array(bytes), bytes.byteLength, mesh);
    if (!status.ok()) throw new Error(status.error_msg());
    const geometry = new BufferGeometry();
    for (const [name, id] of Object.entries(ids)) {
      const attribute = decoder.GetAttributeByUniqueId(mesh, id);
      const numbers = new draco.DracoFloat32Array();
      decoder.GetAttributeFloatForAllPoints(mesh, attribute, numbers);
      const array = Float32Array.from({ length: numbers.size() }, (_, i) => numbers.GetValue(i));
      geometry.setAttribute(name, new BufferAttribute(array, attribute.num_components()));
    }
    const face = new draco.DracoInt32Array();
    const index = [];
    for (let i = 0; i < mesh.num_faces(); i++) {
      decoder.GetFaceFromMesh(mesh, i, face);
      index.push(face.GetValue(0), face.GetValue(1), face.GetValue(2));
    }
    geometry.setIndex(index);
    callback(geometry);
  },
};

const base64 = (numbers) => Buffer.from(Float32Array.from(numbers).buffer).toString("base64");
const unpacked = (attribute) => {
  const { count, itemSize } = attribute; // getComponent turns normalized integers into fractions
  const numbers = Array.from({ length: count * itemSize }, (_, i) => attribute.getComponent(Math.floor(i / itemSize), i % itemSize));
  return { width: itemSize, numbers: base64(numbers) };
};

const found = {};
for (const file of process.argv.slice(2)) {
  const bytes = readFileSync(file);
  const loader = new GLTFLoader().setMeshoptDecoder(MeshoptDecoder).setDRACOLoader(dracoLoader);
  const gltf = await loader.parseAsync(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length), "");
  found[file] = [];
  gltf.scene.updateMatrixWorld(true);
  gltf.scene.traverse((node) => {
    if (!node.isMesh) return;
    found[file].push({
      name: node.name,
      attributes: Object.fromEntries(Object.entries(node.geometry.attributes).map(([key, attribute]) => [key, unpacked(attribute)])),
      index: base64(node.geometry.index.array),
      matrix: node.matrixWorld.toArray(),
      bones: node.isSkinnedMesh ? node.skeleton.bones.length : 0,
    });
  });
}
console.log(JSON.stringify(found));
