#version 300 es
// The square of floor that the asset's shadow falls on.
uniform mat4 clip;
uniform vec2 corner;     // x and z of its first corner, metres
uniform vec2 size;
uniform float height;
out vec2 uv;

void main() {
  uv = vec2(gl_VertexID & 1, gl_VertexID >> 1);
  vec2 place = corner + uv * size;
  gl_Position = clip * vec4(place.x, height, place.y, 1.0);
}
