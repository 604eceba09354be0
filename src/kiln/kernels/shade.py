"""Colour of what a camera sees: texture lookups and a metallic-roughness surface under studio lights."""

from __future__ import annotations

import numpy as np

from kiln.kernels import compiled


@compiled
def halve(pixels: np.ndarray, decode: np.ndarray, encode: np.ndarray, half: np.ndarray, first_row: int, last_row: int) -> None:
    """Fill rows first_row <= j < last_row of half with the mean of 2 x 2 pixels, the first three channels being averaged in linear light.

    pixels (H, W, C) and half (H // 2, W // 2, C) uint8; decode (256,) float32; encode (N,) uint8 is looked up at linear * (N - 1).
    """
    steps = len(encode) - 1
    for j in range(first_row, last_row):
        for i in range(half.shape[1]):
            for k in range(half.shape[2]):
                a, b = pixels[2 * j, 2 * i, k], pixels[2 * j, 2 * i + 1, k]
                c, d = pixels[2 * j + 1, 2 * i, k], pixels[2 * j + 1, 2 * i + 1, k]
                if k < 3:
                    half[j, i, k] = encode[int((decode[a] + decode[b] + decode[c] + decode[d]) * (0.25 * steps) + 0.5)]
                else:
                    half[j, i, k] = (np.int64(a) + b + c + d + 2) // 4


@compiled
def sample(
    texels: np.ndarray, levels: np.ndarray, level: float, u: float, v: float, decode: np.ndarray
) -> tuple[float, float, float, float]:
    """Bilinear lookup in the nearest level of a flattened mip pyramid, wrapping around. The fourth value is alpha, 1 for three channels.

    texels (N, 3 or 4) uint8; levels (L, 3) int64 rows of first texel, width, height; decode (256,) float32 is applied before blending.
    """
    if len(texels) == 1:
        return decode[texels[0, 0]], decode[texels[0, 1]], decode[texels[0, 2]], 1.0
    level_number = min(max(int(level + 0.5), 0), len(levels) - 1)
    first, width, height = levels[level_number, 0], levels[level_number, 1], levels[level_number, 2]
    x, y = (u - np.floor(u)) * width - 0.5, (v - np.floor(v)) * height - 0.5
    i, j = int(np.floor(x)), int(np.floor(y))
    fx, fy = x - i, y - j
    # Rows of the table, not views of it: an array view costs a reference count, which is as dear as the whole lookup.
    left, right = (i if i >= 0 else width - 1), (i + 1 if i + 1 < width else 0)
    top, bottom = first + (j if j >= 0 else height - 1) * width, first + (j + 1 if j + 1 < height else 0) * width
    a, b, c, d = top + left, top + right, bottom + left, bottom + right
    wa, wb, wc, wd = (1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy
    red = wa * decode[texels[a, 0]] + wb * decode[texels[b, 0]] + wc * decode[texels[c, 0]] + wd * decode[texels[d, 0]]
    green = wa * decode[texels[a, 1]] + wb * decode[texels[b, 1]] + wc * decode[texels[c, 1]] + wd * decode[texels[d, 1]]
    blue = wa * decode[texels[a, 2]] + wb * decode[texels[b, 2]] + wc * decode[texels[c, 2]] + wd * decode[texels[d, 2]]
    alpha = 1.0
    if texels.shape[1] == 4:
        alpha = (wa * texels[a, 3] + wb * texels[b, 3] + wc * texels[c, 3] + wd * texels[d, 3]) / 255.0
    return red, green, blue, alpha


@compiled
def shoulder(value: float) -> float:
    """Identity up to 0.8, then a smooth approach to 1, so that highlights keep their shape."""
    if value <= 0.8:
        return max(value, 0.0)
    return 1.0 - 0.2 * np.exp((0.8 - value) / 0.2)


@compiled
def _dome(ambient: np.ndarray, channel: int, sky: float, mirror_sky: float, diffuse: float, mirror: float) -> float:
    """One colour channel of what a surface sends back of the dome, scattered and mirrored."""
    below, above = ambient[1, channel], ambient[0, channel]
    return diffuse * (below + (above - below) * sky) + mirror * (below + (above - below) * mirror_sky)


@compiled
def lit(
    normal: tuple[float, float, float],
    view: tuple[float, float, float],
    base: tuple[float, float, float],
    orm: tuple[float, float, float],
    lights: np.ndarray,
    ambient: np.ndarray,
) -> tuple[float, float, float]:
    """Linear light towards `view` from a metallic-roughness surface: GGX (Walter et al. 2007) and Lambert under soft lights and a
    two-colour dome.

    lights (L, 8): unit direction, colour (the light a facing white Lambertian sends back), half-width, wrap. ambient (2, 3): from above,
    from below. Visibility is Smith's in Hammon's form (2017), Fresnel is Schlick's (1994); the dome's mirror image is weighted by
    Lazarov's fit (2013).
    """
    nx, ny, nz = normal
    vx, vy, vz = view
    occlusion, rough, metal = orm
    rough = max(rough, 0.06)
    nv = max(nx * vx + ny * vy + nz * vz, 1e-3)
    sky = 0.5 + 0.5 * ny
    # Lazarov's fit of the pre-integrated GGX response: scale and bias of F0.
    r0, r1, r2, r3 = 1 - rough, 0.0425 - 0.0275 * rough, 1.04 - 0.572 * rough, 0.022 * rough - 0.04
    a004 = min(r0 * r0, 2.0 ** (-9.28 * nv)) * r0 + r1
    scale, bias = -1.04 * a004 + r2, 1.04 * a004 + r3
    mirror_y = 2 * nv * ny - vy
    # A mirror sees a horizon; a rough surface sees the dome blurred into the same gradient as diffuse light does.
    edge = 1.5 / (0.25 + rough)
    mirror_sky = min(max(0.5 + 0.5 * mirror_y * edge, 0.0), 1.0)
    dielectric = 0.04 * (1 - metal)
    diffuse = (base[0] * (1 - metal), base[1] * (1 - metal), base[2] * (1 - metal))
    f0 = (dielectric + base[0] * metal, dielectric + base[1] * metal, dielectric + base[2] * metal)
    red = _dome(ambient, 0, sky, mirror_sky, diffuse[0], f0[0] * scale + bias) * occlusion
    green = _dome(ambient, 1, sky, mirror_sky, diffuse[1], f0[1] * scale + bias) * occlusion
    blue = _dome(ambient, 2, sky, mirror_sky, diffuse[2], f0[2] * scale + bias) * occlusion
    for i in range(len(lights)):
        lx, ly, lz, wrap = lights[i, 0], lights[i, 1], lights[i, 2], lights[i, 7]
        cosine = nx * lx + ny * ly + nz * lz
        soft = (cosine + wrap) / (1 + wrap)
        if soft <= 0:
            continue
        nl = max(cosine, 0.0)
        hx, hy, hz = lx + vx, ly + vy, lz + vz
        length = np.sqrt(hx * hx + hy * hy + hz * hz) + 1e-9
        nh = max((nx * hx + ny * hy + nz * hz) / length, 0.0)
        vh = max((vx * hx + vy * hy + vz * hz) / length, 0.0)
        alpha = rough * rough
        wide = min(alpha + 0.5 * lights[i, 6], 1.0)
        spread = nh * nh * (wide * wide - 1) + 1
        # GGX's 1 / pi is gone because a light's colour is already what a white Lambertian sends back.
        smith = 0.5 / (2 * nl * nv * (1 - alpha) + (nl + nv) * alpha + 1e-4)
        lobe = wide * wide / (spread * spread) * smith * nl
        miss = 1 - vh
        fresnel = miss * miss * miss * miss * miss
        red += lights[i, 3] * (diffuse[0] * soft + (f0[0] + (1 - f0[0]) * fresnel) * lobe)
        green += lights[i, 4] * (diffuse[1] * soft + (f0[1] + (1 - f0[1]) * fresnel) * lobe)
        blue += lights[i, 5] * (diffuse[2] * soft + (f0[2] + (1 - f0[2]) * fresnel) * lobe)
    return red, green, blue


@compiled
def _towards(eye: np.ndarray, at: np.ndarray) -> tuple[float, float, float]:
    """Unit direction from a point (its first three numbers) to the camera."""
    x, y, z = eye[0] - eye[3] * at[0], eye[1] - eye[3] * at[1], eye[2] - eye[3] * at[2]
    length = np.sqrt(x * x + y * y + z * z) + 1e-12
    return x / length, y / length, z / length


@compiled
def _bent_normal(at: np.ndarray, texel: tuple[float, float, float, float], view: tuple[float, float, float]) -> tuple[float, float, float]:
    """Unit normal of a point (see `shade_rows`' vertices) bent by a normal map's texel; a back face's is turned to the viewer.

    The bitangent comes from the interpolated, not normalised vectors, as MikkTSpace wants.
    """
    x, y, z = 2 * texel[0] - 1, 2 * texel[1] - 1, 2 * texel[2] - 1
    bx = (at[5] * at[9] - at[6] * at[8]) * at[10]
    by = (at[6] * at[7] - at[4] * at[9]) * at[10]
    bz = (at[4] * at[8] - at[5] * at[7]) * at[10]
    nx = x * at[7] + y * bx + z * at[4]
    ny = x * at[8] + y * by + z * at[5]
    nz = x * at[9] + y * bz + z * at[6]
    length = np.sqrt(nx * nx + ny * ny + nz * nz) + 1e-12
    if at[4] * view[0] + at[5] * view[1] + at[6] * view[2] < 0:
        length = -length
    return nx / length, ny / length, nz / length


@compiled
def shade_rows(
    owner: np.ndarray,
    bary: np.ndarray,
    triangles: np.ndarray,
    wanted: np.ndarray,
    vertices: np.ndarray,
    lod: np.ndarray,
    base_texels: np.ndarray,
    base_levels: np.ndarray,
    normal_texels: np.ndarray,
    normal_levels: np.ndarray,
    orm_texels: np.ndarray,
    orm_levels: np.ndarray,
    emissive_texels: np.ndarray,
    emissive_levels: np.ndarray,
    tables: np.ndarray,
    factors: np.ndarray,
    eye: np.ndarray,
    lights: np.ndarray,
    ambient: np.ndarray,
    samples: int,
    image: np.ndarray,
    first_row: int,
    last_row: int,
) -> None:
    """Add to image rows first_row <= j < last_row the light of every wanted triangle, averaged over samples x samples fragments a pixel.

    owner (H s, W s) int32, bary (H s, W s, 2) float32: fragments; triangles (F, 3) uint32; wanted (F,) bool;
    vertices (V, 17) float32: position 0:3, w 3, normal 4:7, tangent 7:11, uv 11:13, linear colour 13:17; lod (F, 4) float32, level of each
    map; *_texels, *_levels: see `sample`; tables (2, 256) float32: decoding of sRGB and of linear bytes; factors (10,) float32: base
    colour 4, roughness, metallic, emissive 3, alpha cutoff (negative: none); eye (4,) float64: camera position and 1, or direction to it
    and 0; lights and ambient: see `lit`, in world space; image (H, W, 4) float32, premultiplied linear light, added to.
    """
    count = samples * samples
    srgb, linear = tables[0], tables[1]
    glows = factors[6] + factors[7] + factors[8] > 0
    at = np.empty(vertices.shape[1])
    for j in range(first_row, last_row):
        for i in range(image.shape[1]):
            for sub in range(count):
                y, x = j * samples + sub // samples, i * samples + sub % samples
                t = owner[y, x]
                if t < 0 or not wanted[t]:
                    continue
                # A triangle is lit once a pixel, in the middle of its fragments there: a third of the work, and the same picture.
                pb, pc, same, told = 0.0, 0.0, 0, False
                for other in range(count):
                    row, column = j * samples + other // samples, i * samples + other % samples
                    if owner[row, column] == t:
                        told = told or other < sub
                        pb += bary[row, column, 0]
                        pc += bary[row, column, 1]
                        same += 1
                if told:
                    continue
                share = same / count
                coarser = 0.5 * np.log2(same)  # its footprint grows with its fragments
                a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
                # Screen-space barycentrics become those of the surface by dividing by each corner's depth.
                pb, pc = pb / same, pc / same
                qa, qb, qc = (1 - pb - pc) / vertices[a, 3], pb / vertices[b, 3], pc / vertices[c, 3]
                total = qa + qb + qc
                qa, qb, qc = qa / total, qb / total, qc / total
                for k in range(len(at)):
                    at[k] = qa * vertices[a, k] + qb * vertices[b, k] + qc * vertices[c, k]
                u, v = at[11], at[12]
                red, green, blue, alpha = sample(base_texels, base_levels, lod[t, 0] + coarser, u, v, srgb)
                alpha *= factors[3] * at[16]
                if factors[9] >= 0:
                    if alpha < factors[9]:
                        continue
                    alpha = 1.0
                base = (red * factors[0] * at[13], green * factors[1] * at[14], blue * factors[2] * at[15])
                view = _towards(eye, at)
                normal = _bent_normal(at, sample(normal_texels, normal_levels, lod[t, 1] + coarser, u, v, linear), view)
                orm = sample(orm_texels, orm_levels, lod[t, 2] + coarser, u, v, linear)
                light = lit(normal, view, base, (orm[0], orm[1] * factors[4], orm[2] * factors[5]), lights, ambient)
                glow = (0.0, 0.0, 0.0, 1.0)
                if glows:
                    glow = sample(emissive_texels, emissive_levels, lod[t, 3] + coarser, u, v, srgb)
                image[j, i, 0] += share * alpha * shoulder(light[0] + glow[0] * factors[6])
                image[j, i, 1] += share * alpha * shoulder(light[1] + glow[1] * factors[7])
                image[j, i, 2] += share * alpha * shoulder(light[2] + glow[2] * factors[8])
                image[j, i, 3] += share * alpha
