// Edges of triangles as pairs of points, each edge once, for drawing them as lines.

// Six numbers an edge. With `folds`, only edges at which the surface turns or ends.
function edgesOf(primitives, { folds = false } = {}) {
  const faces = new Map();
  for (const { attributes, indices } of primitives) {
    const points = attributes.POSITION.data, { data } = indices, ids = pointIds(points);
    for (let first = 0; first < data.length; first += 3) {
      const corners = [data[first], data[first + 1], data[first + 2]];
      const normal = folds ? normalOf(points, corners) : null;
      corners.forEach((a, k) => addEdge(faces, points, ids, a, corners[(k + 1) % 3], normal));
    }
  }
  const kept = [...faces.values()].filter(({ normal, flat }) => !normal || !flat);
  return Float32Array.from(kept.flatMap(({ ends }) => ends));
}

function addEdge(faces, points, ids, a, b, normal) {
  const [low, high] = ids[a] < ids[b] ? [a, b] : [b, a], key = ids[low] * 2 ** 26 + ids[high];
  const known = faces.get(key);
  if (known) known.flat = normal !== null && dot(known.normal, normal) > 0.9999;
  else faces.set(key, { ends: [...points.subarray(3 * low, 3 * low + 3), ...points.subarray(3 * high, 3 * high + 3)], normal, flat: false });
}

// For each vertex the first one at its position: vertices are split where UVs or normals differ, edges are not.
function pointIds(points) {
  const first = new Map(), ids = new Uint32Array(points.length / 3);
  for (let vertex = 0; vertex < ids.length; vertex++) {
    const key = `${points[3 * vertex]},${points[3 * vertex + 1]},${points[3 * vertex + 2]}`;
    if (!first.has(key)) first.set(key, vertex);
    ids[vertex] = first.get(key);
  }
  return ids;
}

function normalOf(points, corners) {
  const [a, b, c] = corners.map((corner) => [...points.subarray(3 * corner, 3 * corner + 3)]);
  const [u, v] = [moved(b, a, -1), moved(c, a, -1)];
  const normal = [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
  return normal.map((value) => value / (Math.hypot(...normal) || 1));
}
