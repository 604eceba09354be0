// Thin cover over WebGL2: programs, vertex arrays, textures.

const LOCATIONS = ["POSITION", "NORMAL", "TANGENT", "TEXCOORD_0", "COLOR_0"];
const NEUTRAL = { NORMAL: [0, 0, 1, 0], TANGENT: [0, 0, 0, 1], TEXCOORD_0: [0, 0, 0, 0], COLOR_0: [1, 1, 1, 1] };

// A program and a function that sets its uniforms by name, whatever their types.
function makeProgram(gl, name) {
  const program = gl.createProgram();
  for (const [kind, suffix] of [[gl.VERTEX_SHADER, "vert"], [gl.FRAGMENT_SHADER, "frag"]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, SHADERS[`${name}.${suffix}`]);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  LOCATIONS.forEach((attribute, location) => gl.bindAttribLocation(program, location, attribute));
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) {
    const logs = gl.getAttachedShaders(program).map((shader) => gl.getShaderInfoLog(shader));
    throw new Error([`${name}: ${gl.getProgramInfoLog(program)}`, ...logs].join("\n"));
  }
  const setters = uniformSetters(gl, program);
  return {
    program,
    use(values) {
      gl.useProgram(program);
      for (const [uniform, value] of Object.entries(values)) setters[uniform]?.(value);
    },
  };
}

function uniformSetters(gl, program) {
  const setters = {}, count = gl.getProgramParameter(program, gl.ACTIVE_UNIFORMS);
  for (let index = 0; index < count; index++) {
    const { name, type } = gl.getActiveUniform(program, index), at = gl.getUniformLocation(program, name);
    const set = {
      [gl.FLOAT]: (value) => gl.uniform1f(at, value),
      [gl.INT]: (value) => gl.uniform1i(at, value),
      [gl.SAMPLER_2D]: (value) => gl.uniform1i(at, value),
      [gl.FLOAT_VEC2]: (value) => gl.uniform2fv(at, value),
      [gl.FLOAT_VEC3]: (value) => gl.uniform3fv(at, value),
      [gl.FLOAT_VEC4]: (value) => gl.uniform4fv(at, value),
      [gl.FLOAT_MAT3]: (value) => gl.uniformMatrix3fv(at, false, value),
      [gl.FLOAT_MAT4]: (value) => gl.uniformMatrix4fv(at, false, value),
    }[type];
    setters[name.replace("[0]", "")] = set;
  }
  return setters;
}

function makeBuffer(gl, target, data) {
  const buffer = gl.createBuffer();
  gl.bindBuffer(target, buffer);
  gl.bufferData(target, data, gl.STATIC_DRAW);
}

// One primitive of a mesh, ready to be drawn; an attribute that it lacks says nothing.
function makeTriangles(gl, { attributes, indices }) {
  const array = gl.createVertexArray();
  gl.bindVertexArray(array);
  LOCATIONS.forEach((name, location) => {
    const found = attributes[name];
    if (!found) return;
    makeBuffer(gl, gl.ARRAY_BUFFER, found.data);
    gl.enableVertexAttribArray(location);
    gl.vertexAttribPointer(location, found.width, found.componentType, found.normalized, 0, 0);
  });
  makeBuffer(gl, gl.ELEMENT_ARRAY_BUFFER, indices.data);
  return () => {
    gl.bindVertexArray(array);
    for (const [name, value] of Object.entries(NEUTRAL)) gl.vertexAttrib4fv(LOCATIONS.indexOf(name), value);
    gl.drawElements(gl.TRIANGLES, indices.data.length, indices.componentType, 0);
  };
}

// Edges (six numbers each), an instance each.
function makeLines(gl, edges, program) {
  const array = gl.createVertexArray();
  gl.bindVertexArray(array);
  makeBuffer(gl, gl.ARRAY_BUFFER, edges);
  for (const [name, offset] of [["from", 0], ["to", 12]]) {
    const location = gl.getAttribLocation(program, name);
    gl.enableVertexAttribArray(location);
    gl.vertexAttribPointer(location, 3, gl.FLOAT, false, 24, offset);
    gl.vertexAttribDivisor(location, 1);
  }
  return () => {
    gl.bindVertexArray(array);
    gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, edges.length / 6);
  };
}

function decodePicture(bytes, type) {
  return createImageBitmap(new Blob([bytes], { type }), { premultiplyAlpha: "none", colorSpaceConversion: "none" });
}

// A mip-mapped texture of a decoded picture, or of a single [red, green, blue, alpha] in bytes.
function makeTexture(gl, picture, { srgb = false, repeat = true } = {}) {
  const texture = gl.createTexture(), format = srgb ? gl.SRGB8_ALPHA8 : gl.RGBA8;
  gl.bindTexture(gl.TEXTURE_2D, texture);
  if (Array.isArray(picture)) {
    gl.texImage2D(gl.TEXTURE_2D, 0, format, 1, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(picture));
  } else {
    gl.texImage2D(gl.TEXTURE_2D, 0, format, gl.RGBA, gl.UNSIGNED_BYTE, picture);
  }
  gl.generateMipmap(gl.TEXTURE_2D);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR_MIPMAP_LINEAR);
  const wrap = repeat ? gl.REPEAT : gl.CLAMP_TO_EDGE;
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_S, wrap);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_T, wrap);
  const sharper = gl.getExtension("EXT_texture_filter_anisotropic");
  if (sharper) {
    const most = gl.getParameter(sharper.MAX_TEXTURE_MAX_ANISOTROPY_EXT);
    gl.texParameterf(gl.TEXTURE_2D, sharper.TEXTURE_MAX_ANISOTROPY_EXT, Math.min(8, most));
  }
  return texture;
}

function bindTexture(gl, unit, texture) {
  gl.activeTexture(gl.TEXTURE0 + unit);
  gl.bindTexture(gl.TEXTURE_2D, texture);
}
