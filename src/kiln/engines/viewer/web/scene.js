// The asset in its studio, drawn as the choices say.

const MODES = ["shaded", "color", "clay", "normal", "occlusion", "roughness", "metallic", "emissive", "checker"];
const SLOTS = {
  baseColorMap: { neutral: [255, 255, 255, 255], srgb: true },
  normalMap: { neutral: [128, 128, 255, 255] },
  ormMap: { neutral: [255, 255, 255, 255] },
  emissiveMap: { neutral: [255, 255, 255, 255], srgb: true },
};
const SHADOW_UNIT = 4;
const UNITS = { baseColorMap: 0, normalMap: 1, ormMap: 2, emissiveMap: 3 };
const WIRE_INK = [0.08, 0.09, 0.11, 0.5];
const HULL_ALPHA = 0.2;
const SEEN_FROM_BELOW_DEGREES = 10;  // over which the floor's shadow fades when the camera sinks below it

class Scene {
  // `model` as readGlb gives it; `pictures` its decoded images; `studio` what the page says of lamps, floor and levels.
  constructor(gl, model, pictures, studio) {
    Object.assign(this, { gl, model, studio, lines: new Map() });
    this.programs = Object.fromEntries(["surface", "line", "floor", "hull"].map((name) => [name, makeProgram(gl, name)]));
    this.levels = model.nodes.slice(0, studio.levels);
    this.hulls = model.nodes.slice(studio.levels);
    this.materials = model.materials.map((material) => this.#readied(material, pictures.images));
    this.meshes = new Map(model.nodes.map((node) => [node, node.primitives.map((each) => makeTriangles(gl, each))]));
    this.shadow = makeTexture(gl, pictures.shadow, { repeat: false });
    this.blank = gl.createVertexArray();
    this.bounds = boundsOf(this.levels[0]);
  }

  draw(camera, frame, size, choices) {
    const { gl } = this, axes = axesOf(camera);
    gl.viewport(0, 0, gl.drawingBufferWidth, gl.drawingBufferHeight);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.enable(gl.DEPTH_TEST);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    const reach = Math.hypot(...moved(camera.target, this.bounds.middle, -1)) + 3 * this.bounds.radius + 0.02 * camera.distance;
    const clip = clipMatrix(camera, frame, size, reach);
    const shot = { clip, axes, view: new Float32Array(axes.flat()), eye: eyeOf(camera), choices, size };
    this.#drawFloor(camera, shot);
    const node = this.levels[choices.lod] ?? this.levels[0];
    this.#drawSurface(node, shot);
    if (choices.wire) this.#drawLines(node, shot, WIRE_INK, {});
    if (choices.hulls) this.hulls.forEach((hull, number) => this.#drawHull(hull, hullColor(number), shot));
  }

  #readied(material, images) {
    const maps = Object.entries(SLOTS).map(([slot, { neutral, srgb }]) => {
      const picture = material[slot] === undefined ? neutral : images[material[slot]];
      return [slot, makeTexture(this.gl, picture, { srgb })];
    });
    return { ...material, maps: Object.fromEntries(maps), cutoff: { OPAQUE: 0, MASK: material.cutoff, BLEND: -1 }[material.alphaMode] };
  }

  #drawFloor(camera, { clip }) {
    const { gl } = this, { corner, size, height } = this.studio.shadow;
    const strength = Math.min(Math.max(camera.elevation / SEEN_FROM_BELOW_DEGREES + 1, 0), 1);
    bindTexture(gl, SHADOW_UNIT, this.shadow);
    this.programs.floor.use({ clip, corner, size, height, strength, darkness: SHADOW_UNIT });
    gl.disable(gl.CULL_FACE);
    gl.depthMask(false);
    gl.bindVertexArray(this.blank);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
    gl.depthMask(true);
  }

  #drawSurface(node, shot) {
    const drawn = node.primitives.map(({ material }, index) => [this.materials[material], this.meshes.get(node)[index]]);
    // What blends comes last, so that what lies behind it is there.
    const later = ([material]) => (material.alphaMode === "BLEND" ? 1 : 0);
    for (const [material, triangles] of drawn.sort((a, b) => later(a) - later(b))) this.#drawTriangles(material, triangles, shot);
  }

  #drawTriangles(material, triangles, { clip, axes, view, eye, choices }) {
    const { gl } = this;
    for (const [slot, unit] of Object.entries(UNITS)) bindTexture(gl, unit, material.maps[slot]);
    if (material.doubleSided) gl.disable(gl.CULL_FACE);
    else gl.enable(gl.CULL_FACE);
    const { baseColor, emissive, roughness, metallic, cutoff } = material;
    const { exposure } = choices, mode = MODES.indexOf(choices.mode);
    const factors = { baseColor, emissive, roughness, metallic, cutoff, exposure, mode };
    this.programs.surface.use({ ...UNITS, ...factors, ...this.#light(axes), clip, view, eye });
    triangles();
  }

  // Lamps stand with the camera, the dome with the world.
  #light(axes) {
    const { lamps, dome } = this.studio;
    const way = ([right, up, towards]) => [0, 1, 2].map((k) => right * axes[0][k] + up * axes[1][k] + towards * axes[2][k]);
    return {
      lampWay: lamps.flatMap((lamp) => [...way(lamp), lamp[6]]),
      lampLight: lamps.flatMap((lamp) => [...lamp.slice(3, 6), lamp[7]]),
      above: dome[0],
      below: dome[1],
    };
  }

  #drawHull(hull, color, shot) {
    const { gl } = this;
    gl.disable(gl.CULL_FACE);
    gl.depthMask(false);
    this.programs.hull.use({ clip: shot.clip, view: shot.view, ink: [...color, HULL_ALPHA] });
    this.meshes.get(hull).forEach((triangles) => triangles());
    this.#drawLines(hull, shot, [...color.map((value) => value * 0.7), 0.9], { folds: true });
  }

  #drawLines(node, { clip, size }, ink, options) {
    const { gl } = this, { program } = this.programs.line;
    if (!this.lines.has(node)) this.lines.set(node, makeLines(gl, edgesOf(node.primitives, options), program));
    const viewport = [gl.drawingBufferWidth, gl.drawingBufferHeight], width = Math.max(1, viewport[0] / size.width);
    this.programs.line.use({ clip, viewport, width, ink, nearer: 2e-4 });
    gl.disable(gl.CULL_FACE);
    gl.depthMask(false);
    this.lines.get(node)();
    gl.depthMask(true);
  }
}

// The middle of a node's bounding box and the distance to its farthest vertex.
function boundsOf({ primitives }) {
  const low = [Infinity, Infinity, Infinity], high = [-Infinity, -Infinity, -Infinity], { data } = primitives[0].attributes.POSITION;
  for (let at = 0; at < data.length; at++) {
    low[at % 3] = Math.min(low[at % 3], data[at]);
    high[at % 3] = Math.max(high[at % 3], data[at]);
  }
  return { middle: low.map((value, axis) => (value + high[axis]) / 2), radius: Math.hypot(...moved(high, low, -1)) / 2 };
}

// Hues far apart for neighbours: steps of the golden ratio around the circle, at one lightness.
function hullColor(number) {
  const hue = (0.58 + 0.61803 * number) % 1;
  return [5, 3, 1].map((shift) => {
    const k = (shift + hue * 6) % 6;
    return 0.92 * (1 - 0.62 * Math.max(0, Math.min(k, 4 - k, 1)));
  });
}
