#version 300 es
// A corner of a collision hull.
in vec3 POSITION;
uniform mat4 clip;
out vec3 at;

void main() {
  at = POSITION;
  gl_Position = clip * vec4(POSITION, 1.0);
}
