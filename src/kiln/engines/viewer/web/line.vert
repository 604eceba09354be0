#version 300 es
// An edge as a strip of constant width on the screen: four corners for each instance.
in vec3 from;
in vec3 to;
uniform mat4 clip;
uniform vec2 viewport;   // pixels
uniform float width;     // pixels
uniform float nearer;    // how far edges are drawn before their surface, in clip space
out float across;        // pixels from the edge's middle

void main() {
  vec4 a = clip * vec4(from, 1.0), b = clip * vec4(to, 1.0);
  vec2 along = (b.xy / b.w - a.xy / a.w) * viewport;
  vec2 aside = length(along) < 1e-6 ? vec2(0.0) : normalize(vec2(-along.y, along.x));
  float reach = 0.5 * width + 0.75;
  across = (gl_VertexID & 2) == 0 ? -reach : reach;
  gl_Position = (gl_VertexID & 1) == 0 ? a : b;
  gl_Position.xy += aside * across * 2.0 / viewport * gl_Position.w;
  gl_Position.z -= nearer * gl_Position.w;
}
