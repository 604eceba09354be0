#version 300 es
// Coloured glass with flat faces, lit from the camera's upper left.
precision highp float;
in vec3 at;
uniform mat3 view;
uniform vec4 ink;        // sRGB-encoded, straight alpha
out vec4 shown;

void main() {
  vec3 n = normalize(cross(dFdx(at), dFdy(at))) * view;
  float bright = 0.78 + 0.22 * dot(n, normalize(vec3(-0.5, 0.7, 0.5)));
  shown = vec4(ink.rgb * bright * ink.a, ink.a);
}
