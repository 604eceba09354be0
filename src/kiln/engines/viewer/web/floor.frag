#version 300 es
// Black that lets the page's background through, as it darkens the background's encoded colour as a shadow darkens light.
precision highp float;
in vec2 uv;
uniform sampler2D darkness;
uniform float strength;
out vec4 shown;

void main() {
  float alpha = 1.0 - pow(1.0 - texture(darkness, uv).r, 1.0 / 2.2);
  float grain = fract(52.9829189 * fract(dot(gl_FragCoord.xy, vec2(0.06711056, 0.00583715)))) - 0.5;
  shown = vec4(0.0, 0.0, 0.0, strength * alpha + (alpha > 0.001 ? grain / 255.0 : 0.0));
}
