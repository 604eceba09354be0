#version 300 es
// A metallic-roughness surface in Kiln's studio: what kernels/shade.py does on the CPU, so that page and poster agree.
precision highp float;

in vec3 at;
in vec3 normal;
in vec4 tangent;
in vec2 uv;
in vec4 tint;

uniform sampler2D baseColorMap;
uniform sampler2D normalMap;
uniform sampler2D ormMap;
uniform sampler2D emissiveMap;
uniform vec4 baseColor;
uniform vec3 emissive;
uniform float roughness;
uniform float metallic;
uniform float cutoff;        // alpha below it is a hole; negative: alpha blends
uniform vec3 eye;
uniform mat3 view;           // columns: the picture's right, its up, towards the camera
uniform vec4 lampWay[3];     // unit direction in space, half-width (radians)
uniform vec4 lampLight[3];   // colour, wrap
uniform vec3 above;
uniform vec3 below;
uniform float exposure;
uniform int mode;

out vec4 shown;

const int SHADED = 0, COLOR = 1, CLAY = 2, NORMAL = 3, OCCLUSION = 4, ROUGHNESS = 5, METALLIC = 6, EMISSIVE = 7, CHECKER = 8;
const vec3 CLAY_COLOR = vec3(0.40, 0.385, 0.36);

vec3 encoded(vec3 linear) {
  return mix(1.055 * pow(max(linear, 0.0), vec3(1.0 / 2.4)) - 0.055, linear * 12.92, lessThanEqual(linear, vec3(0.0031308)));
}

// Identity up to 0.8, then a smooth approach to 1, so that highlights keep their shape and textures their colour.
vec3 shoulder(vec3 light) {
  return mix(max(light, 0.0), 1.0 - 0.2 * exp((0.8 - light) / 0.2), greaterThan(light, vec3(0.8)));
}

// The bitangent comes from the interpolated, not normalised vectors, as MikkTSpace wants. Back faces are turned to the viewer.
vec3 bentNormal() {
  vec3 bend = texture(normalMap, uv).xyz * 2.0 - 1.0;
  vec3 bent = bend.x * tangent.xyz + bend.y * cross(normal, tangent.xyz) * tangent.w + bend.z * normal;
  vec3 unit = bent / max(length(bent), 1e-12);
  return gl_FrontFacing ? unit : -unit;
}

// Lambert and GGX (Walter et al. 2007) under soft lamps; visibility is Smith's in Hammon's form (2017), Fresnel is Schlick's (1994).
vec3 fromLamp(int i, vec3 n, vec3 v, vec3 diffuse, vec3 f0, float rough) {
  vec3 l = lampWay[i].xyz;
  float wrap = lampLight[i].w, cosine = dot(n, l), soft = (cosine + wrap) / (1.0 + wrap);
  if (soft <= 0.0) return vec3(0.0);
  vec3 h = (l + v) / (length(l + v) + 1e-9);
  float nl = max(cosine, 0.0), nv = max(dot(n, v), 1e-3), nh = max(dot(n, h), 0.0), miss = 1.0 - clamp(dot(v, h), 0.0, 1.0);
  float alpha = rough * rough, wide = min(alpha + 0.5 * lampWay[i].w, 1.0);
  float spread = nh * nh * (wide * wide - 1.0) + 1.0;
  float smith = 0.5 / (2.0 * nl * nv * (1.0 - alpha) + (nl + nv) * alpha + 1e-4);
  float lobe = wide * wide / (spread * spread) * smith * nl;
  return lampLight[i].rgb * (diffuse * soft + (f0 + (1.0 - f0) * pow(miss, 5.0)) * lobe);
}

// A dome of two colours, scattered and mirrored; the mirror image is weighted by Lazarov's fit (2013).
vec3 fromDome(vec3 n, vec3 v, vec3 diffuse, vec3 f0, float rough) {
  float nv = max(dot(n, v), 1e-3);
  vec4 r = rough * vec4(-1.0, -0.0275, -0.572, 0.022) + vec4(1.0, 0.0425, 1.04, -0.04);
  float a004 = min(r.x * r.x, exp2(-9.28 * nv)) * r.x + r.y;
  vec2 fit = vec2(-1.04, 1.04) * a004 + r.zw;
  float mirrored = clamp(0.5 + 0.5 * (2.0 * nv * n.y - v.y) * 1.5 / (0.25 + rough), 0.0, 1.0);
  return diffuse * mix(below, above, 0.5 + 0.5 * n.y) + (f0 * fit.x + fit.y) * mix(below, above, mirrored);
}

vec3 lit(vec3 n, vec3 base, vec3 orm) {
  vec3 v = normalize(eye - at);
  float rough = max(orm.g, 0.06);
  vec3 diffuse = base * (1.0 - orm.b), f0 = mix(vec3(0.04), base, orm.b);
  vec3 light = fromDome(n, v, diffuse, f0, rough) * orm.r;
  for (int i = 0; i < 3; i++) light += fromLamp(i, n, v, diffuse, f0, rough);
  return light;
}

// Squares of 1/32 of the map, tinted by their place, so that stretch, mirroring and unequal density are seen.
vec3 checker() {
  vec2 cells = fract(uv) * 32.0, place = floor(cells) / 31.0;
  vec2 blur = max(fwidth(uv * 32.0), 1e-4), before = fract(0.5 * cells - 0.25 * blur), after = fract(0.5 * cells + 0.25 * blur);
  vec2 wave = 2.0 * (abs(before - 0.5) - abs(after - 0.5)) / blur;  // a square wave's mean over the pixel
  float bright = 0.5 - 0.5 * wave.x * wave.y;
  vec3 color = vec3(0.55 + 0.4 * place.x, 0.75 - 0.25 * place.y, 0.95 - 0.4 * place.x);
  return pow((0.30 + 0.70 * bright) * color, vec3(2.2));
}

void main() {
  vec4 base = texture(baseColorMap, uv) * baseColor * tint;
  if (base.a < cutoff) discard;
  float alpha = cutoff < 0.0 ? base.a : 1.0;
  vec3 n = bentNormal(), orm = texture(ormMap, uv).rgb * vec3(1.0, roughness, metallic);
  vec3 glow = texture(emissiveMap, uv).rgb * emissive, color;
  if (mode == SHADED) color = encoded(shoulder((lit(n, base.rgb, orm) + glow) * exposure));
  else if (mode == COLOR) color = encoded(base.rgb);
  else if (mode == CLAY) color = encoded(shoulder(lit(n, CLAY_COLOR, vec3(orm.r, 0.85, 0.0)) * exposure));
  else if (mode == NORMAL) color = n * view * 0.5 + 0.5;
  else if (mode == OCCLUSION) color = vec3(orm.r);
  else if (mode == ROUGHNESS) color = vec3(orm.g);
  else if (mode == METALLIC) color = vec3(orm.b);
  else if (mode == EMISSIVE) color = encoded(shoulder(glow * exposure));
  else color = encoded(shoulder(lit(n, checker(), vec3(orm.r, 0.85, 0.0)) * exposure));
  shown = vec4(color * alpha, alpha);
}
