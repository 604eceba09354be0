// Reads a GLB as Kiln writes it: one buffer, meshes at the root, images inside (glTF 2.0, sections 3 and 4.4).

const COMPONENTS = { 5121: Uint8Array, 5123: Uint16Array, 5125: Uint32Array, 5126: Float32Array };
const WIDTHS = { SCALAR: 1, VEC2: 2, VEC3: 3, VEC4: 4, MAT4: 16 };
const JSON_CHUNK = 0x4e4f534a, BINARY_CHUNK = 0x004e4942, MAGIC = 0x46546c67;

// A file's bytes as {nodes: [{name, primitives}], materials, images}; throws an Error that says what is wrong.
function readGlb(bytes) {
  const { document, binary } = splitGlb(bytes);
  const view = (index) => {
    const { byteOffset = 0, byteLength } = document.bufferViews[index];
    return binary.subarray(byteOffset, byteOffset + byteLength);
  };
  const arrays = (document.accessors ?? []).map((accessor) => readAccessor(accessor, view));
  const roots = document.scenes[document.scene ?? 0].nodes.map((index) => document.nodes[index]);
  return {
    nodes: roots.filter((node) => node.mesh !== undefined).map((node) => readNode(node, document.meshes[node.mesh], arrays)),
    materials: (document.materials ?? []).map((material) => readMaterial(material, document.textures ?? [])),
    images: (document.images ?? []).map((image) => ({ type: image.mimeType, bytes: view(image.bufferView) })),
  };
}

function splitGlb(bytes) {
  const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.byteLength < 20 || words.getUint32(0, true) !== MAGIC) throw new Error("not a GLB file");
  if (words.getUint32(4, true) !== 2 || words.getUint32(8, true) !== bytes.byteLength) throw new Error("a GLB file of another version or length");
  const chunks = {};
  for (let at = 12; at + 8 <= bytes.byteLength; ) {
    const size = words.getUint32(at, true);
    chunks[words.getUint32(at + 4, true)] = bytes.subarray(at + 8, at + 8 + size);
    at += 8 + size;
  }
  if (!chunks[JSON_CHUNK] || !chunks[BINARY_CHUNK]) throw new Error("a GLB file without its two chunks");
  return { document: JSON.parse(new TextDecoder().decode(chunks[JSON_CHUNK])), binary: chunks[BINARY_CHUNK] };
}

// An accessor's numbers; Kiln's are tightly packed.
function readAccessor({ bufferView, byteOffset = 0, componentType, count, type, normalized = false }, view) {
  const Numbers = COMPONENTS[componentType], width = WIDTHS[type];
  if (!Numbers || !width || bufferView === undefined) throw new Error(`an accessor of ${type}, ${componentType} cannot be read`);
  const bytes = view(bufferView);
  // Copied, because a typed array must start at a multiple of its number's size in the whole file.
  const start = bytes.byteOffset + byteOffset;
  const data = new Numbers(bytes.buffer.slice(start, start + count * width * Numbers.BYTES_PER_ELEMENT));
  return { data, width, componentType, normalized };
}

function readNode(node, mesh, arrays) {
  const primitives = mesh.primitives.map(({ attributes, indices, material }) => ({
    attributes: Object.fromEntries(Object.entries(attributes).map(([name, index]) => [name, arrays[index]])),
    indices: arrays[indices],
    material,
  }));
  return { name: node.name ?? mesh.name ?? "", primitives };
}

// A material with glTF's defaults filled in; maps are indices of images.
function readMaterial(material, textures) {
  const { baseColorFactor = [1, 1, 1, 1], roughnessFactor = 1, metallicFactor = 1, ...pbr } = material.pbrMetallicRoughness ?? {};
  const image = (slot) => (slot === undefined ? undefined : textures[slot.index].source);
  const strength = material.extensions?.KHR_materials_emissive_strength?.emissiveStrength ?? 1;
  return {
    baseColor: baseColorFactor,
    roughness: roughnessFactor,
    metallic: metallicFactor,
    emissive: (material.emissiveFactor ?? [0, 0, 0]).map((value) => value * strength),
    alphaMode: material.alphaMode ?? "OPAQUE",
    cutoff: material.alphaCutoff ?? 0.5,
    doubleSided: material.doubleSided ?? false,
    baseColorMap: image(pbr.baseColorTexture),
    normalMap: image(material.normalTexture),
    ormMap: image(pbr.metallicRoughnessTexture),
    emissiveMap: image(material.emissiveTexture),
  };
}
