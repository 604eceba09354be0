#version 300 es
// A line whose border is one pixel soft.
precision highp float;
in float across;
uniform float width;
uniform vec4 ink;        // sRGB-encoded, straight alpha
out vec4 shown;

void main() {
  float alpha = ink.a * clamp(0.5 * width + 0.5 - abs(across), 0.0, 1.0);
  shown = vec4(ink.rgb * alpha, alpha);
}
