#version 300 es
// A vertex of the asset, in metres; attributes carry glTF's names.
in vec3 POSITION;
in vec3 NORMAL;
in vec4 TANGENT;
in vec2 TEXCOORD_0;
in vec4 COLOR_0;
uniform mat4 clip;
out vec3 at;
out vec3 normal;
out vec4 tangent;
out vec2 uv;
out vec4 tint;

void main() {
  at = POSITION;
  normal = NORMAL;
  tangent = TANGENT;
  uv = TEXCOORD_0;
  tint = COLOR_0;
  gl_Position = clip * vec4(POSITION, 1.0);
}
