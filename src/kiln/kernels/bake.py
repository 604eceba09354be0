"""From texels to what lies under them, and to the bytes that say so."""

from __future__ import annotations

import numpy as np

from kiln.kernels import compiled


@compiled
def interpolate_rows(
    attribute: np.ndarray, triangles: np.ndarray, triangle: np.ndarray, bary: np.ndarray, out: np.ndarray, first: int, last: int
) -> None:
    """Fill out[first:last] with a vertex attribute at points on triangles.

    attribute (V, C) float32; triangles (F, 3) uint32; triangle (N,) int32, not negative; bary (N, 2) float32, weights of corners two and
    three; out (N, C) float32. 2.6M points take 40 ms where numpy's gathers take 250.
    """
    for n in range(first, last):
        a, b, c = triangles[triangle[n], 0], triangles[triangle[n], 1], triangles[triangle[n], 2]
        v, w = bary[n, 0], bary[n, 1]
        u = np.float32(1) - v - w
        for k in range(attribute.shape[1]):
            out[n, k] = u * attribute[a, k] + v * attribute[b, k] + w * attribute[c, k]


@compiled
def nearest_facing(
    normals: np.ndarray,
    positions: np.ndarray,
    triangles: np.ndarray,
    triangle: np.ndarray,
    bary: np.ndarray,
    distance: np.ndarray,
    best_triangle: np.ndarray,
    best_bary: np.ndarray,
    best_distance: np.ndarray,
) -> None:
    """Keep each ray's hit where it is nearer than the best so far and its triangle faces the way the ray's texel does.

    normals (N, 3) float32 of the texels; positions (V, 3) float32 and triangles (F, 3) uint32 of what is hit; triangle (N,) int32, -1 for a
    miss; bary (N, 2) and distance (N,) float32; the best_ arrays likewise, updated. Facing keeps a thin part's texels from catching its
    other side. Face normals are worked out here: those of 5M triangles would take 0.5 s and 60 MB, and most are never hit.
    """
    for n in range(len(triangle)):
        t = triangle[n]
        if t < 0 or not abs(distance[n]) < best_distance[n]:
            continue
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ux, uy, uz = positions[b, 0] - positions[a, 0], positions[b, 1] - positions[a, 1], positions[b, 2] - positions[a, 2]
        vx, vy, vz = positions[c, 0] - positions[a, 0], positions[c, 1] - positions[a, 1], positions[c, 2] - positions[a, 2]
        facing = normals[n, 0] * (uy * vz - uz * vy) + normals[n, 1] * (uz * vx - ux * vz) + normals[n, 2] * (ux * vy - uy * vx)
        if facing > 0:
            best_triangle[n] = t
            best_bary[n, 0], best_bary[n, 1] = bary[n, 0], bary[n, 1]
            best_distance[n] = abs(distance[n])


@compiled
def encode_normals(frame: np.ndarray, normals: np.ndarray, half: float, out: np.ndarray, first: int, last: int) -> None:
    """Fill out[first:last] with tangent-space normals as whole numbers, such that the renderer's formula gives back the wanted direction.

    frame (N, 7) float32: interpolated vertex normal, tangent xyz and w, none of them normalized; normals (N, 3) float32 wanted; out (N, 3)
    uint8 with half 127.5, or uint16 with half 32767.5. The formula (glTF, MikkTSpace): N normalized, T as interpolated, B = cross(N, T) *
    sign(w), direction along x T + y B + z N.
    """
    for i in range(first, last):
        nx, ny, nz = frame[i, 0], frame[i, 1], frame[i, 2]
        length = np.sqrt(nx * nx + ny * ny + nz * nz)
        nx, ny, nz = nx / length, ny / length, nz / length
        tx, ty, tz = frame[i, 3], frame[i, 4], frame[i, 5]
        sign = np.float32(1) if frame[i, 6] >= 0 else np.float32(-1)
        bx, by, bz = sign * (ny * tz - nz * ty), sign * (nz * tx - nx * tz), sign * (nx * ty - ny * tx)
        # T leans out of the plane square to N by lean; B has the length of T's part in that plane, and is square to both T and N.
        lean = tx * nx + ty * ny + tz * nz
        square = bx * bx + by * by + bz * bz
        gx, gy, gz = normals[i, 0], normals[i, 1], normals[i, 2]
        x, y, z = np.float32(0), np.float32(0), gx * nx + gy * ny + gz * nz
        if square > 1e-12:
            y = (gx * bx + gy * by + gz * bz) / square
            x = (gx * tx + gy * ty + gz * tz - z * lean) / square
            z -= x * lean
        length = np.sqrt(x * x + y * y + z * z)
        if not length > 0:
            x, y, z, length = np.float32(0), np.float32(0), np.float32(1), np.float32(1)
        out[i, 0] = int((x / length + 1) * half + 0.5)
        out[i, 1] = int((y / length + 1) * half + 0.5)
        out[i, 2] = int((z / length + 1) * half + 0.5)


@compiled
def scatter_directions(normals: np.ndarray, square: np.ndarray, out: np.ndarray, first: int, last: int) -> None:
    """Fill out[first:last] with cosine-weighted directions about the normals, one for each point of the unit square.

    normals (N, 3) float32; square (S, 2) float64; out (S, N, 3) float32. The disc comes from the square by Shirley and Chiu's concentric
    map (1997), the frame from the normal without branches on its direction (Duff et al. 2017).
    """
    for s in range(len(square)):
        a, b = 2 * square[s, 0] - 1, 2 * square[s, 1] - 1
        if abs(a) > abs(b):
            radius, angle = a, np.pi / 4 * b / a
        else:
            radius, angle = b, np.pi / 2 - np.pi / 4 * a / b if b != 0 else 0.0
        x, y = np.float32(radius * np.cos(angle)), np.float32(radius * np.sin(angle))
        z = np.float32(np.sqrt(max(0.0, 1 - radius * radius)))
        for n in range(first, last):
            nx, ny, nz = normals[n, 0], normals[n, 1], normals[n, 2]
            sign = np.float32(1) if nz >= 0 else np.float32(-1)
            p = np.float32(-1) / (sign + nz)
            q = nx * ny * p
            out[s, n, 0] = x * (1 + sign * nx * nx * p) + y * q + z * nx
            out[s, n, 1] = x * sign * q + y * (sign + ny * ny * p) + z * ny
            out[s, n, 2] = -x * sign * nx - y * ny + z * nz


@compiled
def gather_openness(
    texel: np.ndarray,
    size: int,
    points: np.ndarray,
    openness: np.ndarray,
    block: np.ndarray,
    step: int,
    window: int,
    reach: float,
    out: np.ndarray,
    first: int,
    last: int,
) -> None:
    """Fill out[first:last] with the mean openness of window x window blocks around each texel, of those whose point lies near it in space.

    texel (N,) int64 row * size + column; points (N, 3) float32 where each lies; block (R, C) int32 number of each step x step block's
    sample or -1; openness (S, 4) float32 a sample's openness and point; reach in metres; out (N,) float32.
    """
    height, width = block.shape
    for n in range(first, last):
        y, x = (texel[n] // size + 0.5) / step, (texel[n] % size + 0.5) / step
        top, left = int(np.floor(y - 0.5)) - window // 2 + 1, int(np.floor(x - 0.5)) - window // 2 + 1
        total, weight = 0.0, 0.0
        for j in range(max(0, top), min(height, top + window)):
            for i in range(max(0, left), min(width, left + window)):
                s = block[j, i]
                if s < 0:
                    continue
                dx, dy, dz = points[n, 0] - openness[s, 1], points[n, 1] - openness[s, 2], points[n, 2] - openness[s, 3]
                w = max(1e-6, 1 - (dx * dx + dy * dy + dz * dz) / (reach * reach))
                total += w * openness[s, 0]
                weight += w
        out[n] = total / weight if weight > 0 else np.float32(1)


@compiled
def sample_decoded(pixels: np.ndarray, decode: np.ndarray, uvs: np.ndarray, wrap: bool, out: np.ndarray) -> None:
    """Fill out with a picture's decoded value at each UV, interpolated between the four nearest pixels' centres; edges repeat, or wrap.

    pixels (H, W, C) uint8; decode (C, 256) float32, what each byte of a channel means; uvs (N, 2) float32, origin top-left; out (N, C)
    float32. A picture of 4096 x 4096 decoded beforehand would take 270 MB.
    """
    height, width, channels = pixels.shape
    for n in range(len(uvs)):
        x, y = uvs[n, 0] * np.float32(width) - np.float32(0.5), uvs[n, 1] * np.float32(height) - np.float32(0.5)
        left, top = np.floor(x), np.floor(y)
        across, down = x - left, y - top
        if wrap:
            i, j = int(left) % width, int(top) % height
            right, below = (i + 1) % width, (j + 1) % height
        else:
            i, j = min(max(int(left), 0), width - 1), min(max(int(top), 0), height - 1)
            right, below = min(max(int(left) + 1, 0), width - 1), min(max(int(top) + 1, 0), height - 1)
        for k in range(channels):
            upper = decode[k, pixels[j, i, k]] * (1 - across) + decode[k, pixels[j, right, k]] * across
            lower = decode[k, pixels[below, i, k]] * (1 - across) + decode[k, pixels[below, right, k]] * across
            out[n, k] = upper * (1 - down) + lower * down


@compiled
def mark_jumps(
    number: np.ndarray, normals: np.ndarray, colors: np.ndarray, points: np.ndarray, limits: np.ndarray, out: np.ndarray
) -> None:
    """Set out where a texel differs from its right or lower neighbour, on both of them.

    number (H, W) int32 row of each texel in the other arrays, or -1 where no island covers it; normals (N, 3) unit, colors (N, 4) linear
    and points (N, 3) metres, float32; limits (3,) float32: cosine of the largest angle, largest step of a colour's square root (near to
    sRGB's curve), largest distance; out (H, W) bool. Where one of two neighbours is not covered, both are marked.
    """
    height, width = number.shape
    for j in range(height):
        for i in range(width):
            a = number[j, i]
            for down in range(2):
                y, x = j + down, i + 1 - down
                if y >= height or x >= width:
                    continue
                b = number[y, x]
                if a < 0 and b < 0:
                    continue
                jump = a < 0 or b < 0
                if not jump:
                    cosine, square = np.float32(0), np.float32(0)
                    for k in range(3):
                        cosine += normals[a, k] * normals[b, k]
                        square += (points[a, k] - points[b, k]) ** 2
                    jump = cosine < limits[0] or square > limits[2] * limits[2]
                for k in range(4):
                    jump = jump or abs(np.sqrt(colors[a, k]) - np.sqrt(colors[b, k])) > limits[1]
                if jump:
                    out[j, i] = True
                    out[y, x] = True


@compiled
def texture_shares(positions: np.ndarray, uvs: np.ndarray, triangles: np.ndarray, triangle: np.ndarray, out: np.ndarray) -> None:
    """Fill out with how much of a texture's side one metre of each point's triangle takes: the root of its area there by its area in space.

    positions (V, 3) and uvs (V, 2) float32; triangles (F, 3) uint32; triangle (N,) int32; out (N,) float32, 0 for triangles without area.
    """
    for n in range(len(triangle)):
        a, b, c = triangles[triangle[n], 0], triangles[triangle[n], 1], triangles[triangle[n], 2]
        ux, uy, uz = positions[b, 0] - positions[a, 0], positions[b, 1] - positions[a, 1], positions[b, 2] - positions[a, 2]
        vx, vy, vz = positions[c, 0] - positions[a, 0], positions[c, 1] - positions[a, 1], positions[c, 2] - positions[a, 2]
        x, y, z = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        space = np.sqrt(x * x + y * y + z * z)
        flat = abs((uvs[b, 0] - uvs[a, 0]) * (uvs[c, 1] - uvs[a, 1]) - (uvs[b, 1] - uvs[a, 1]) * (uvs[c, 0] - uvs[a, 0]))
        out[n] = np.sqrt(flat / space) if space > 0 else np.float32(0)
