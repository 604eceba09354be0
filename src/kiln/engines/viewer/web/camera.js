// Where the picture is taken from: the camera of render/camera.py. Angles in degrees, lengths in metres, pixels of CSS.

// The picture's right, its up, and the direction towards the camera, in space.
function axesOf({ azimuth, elevation }) {
  const [a, e] = [(azimuth * Math.PI) / 180, (elevation * Math.PI) / 180];
  const [sa, ca, se, ce] = [Math.sin(a), Math.cos(a), Math.sin(e), Math.cos(e)];
  return [[ca, 0, -sa], [-sa * se, ce, -ca * se], [sa * ce, se, ca * ce]];
}

const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const moved = (point, way, by) => point.map((value, axis) => value + by * way[axis]);

function eyeOf(camera) {
  return moved(camera.target, axesOf(camera)[2], camera.distance);
}

// From space to clip space, by columns. `frame` is the box of the page, {x, y, side}, in which the camera's square picture lies,
// `width` and `height` the canvas; `reach` is how far from the target there is anything to be drawn.
function clipMatrix(camera, frame, { width, height }, reach) {
  const [right, up, towards] = axesOf(camera), { target, distance } = camera;
  const near = Math.max(distance - reach, distance * 0.01), far = distance + reach;
  const scale = (frame.side / camera.halfHeight) * distance;
  const [sx, sy] = [scale / width, scale / height];
  const [ox, oy] = [(2 * frame.x) / width - 1, 1 - (2 * frame.y) / height];
  const [depth, shift] = [(far + near) / (far - near), (-2 * far * near) / (far - near)];
  const row = (way, by, constant) => [...way.map((value, axis) => value * by[0] - towards[axis] * by[1]), constant];
  const away = distance + dot(towards, target);  // the point's way from the eye is this minus its way along `towards`
  const rows = [
    row(right, [sx, ox], -sx * dot(right, target) + ox * away),
    row(up, [sy, oy], -sy * dot(up, target) + oy * away),
    row([0, 0, 0], [0, depth], depth * away + shift),
    row([0, 0, 0], [0, 1], away),
  ];
  return new Float32Array([0, 1, 2, 3].flatMap((column) => rows.map((each) => each[column])));
}

// The part of a camera that people steer: it eases towards where it is wanted.
class Orbit {
  static LOWEST = -85;
  static HIGHEST = 89;
  static NEAREST = 0.4;     // of the distance at home; beyond that the lens grows longer, so that the eye stays outside
  static CLOSEST = 1 / 24;  // zoom at which a texel fills the screen
  static FARTHEST = 3;
  static EASE = 12;         // per second: how quickly it follows

  constructor(home) {
    this.home = { ...home, zoom: 1 };
    this.wanted = { ...this.home };
    this.now = { ...this.home };
  }

  reset() {
    const turns = Math.round((this.wanted.azimuth - this.home.azimuth) / 360);
    this.wanted = { ...this.home, azimuth: this.home.azimuth + 360 * turns };
  }

  turn(azimuth, elevation) {
    this.wanted.azimuth += azimuth;
    this.wanted.elevation = Math.min(Math.max(this.wanted.elevation + elevation, Orbit.LOWEST), Orbit.HIGHEST);
  }

  zoom(factor) {
    this.wanted.zoom = Math.min(Math.max(this.wanted.zoom * factor, Orbit.CLOSEST), Orbit.FARTHEST);
  }

  // By a share of the picture's half height.
  pan(right, up) {
    const [x, y] = axesOf(this.wanted), reach = this.home.halfHeight * this.wanted.zoom;
    this.wanted.target = moved(moved(this.wanted.target, x, right * reach), y, up * reach);
  }

  // Whether anything still moves after this many seconds.
  advance(seconds) {
    const share = 1 - Math.exp(-seconds * Orbit.EASE), blend = (a, b) => a + (b - a) * share;
    const { now, wanted, home } = this;
    const left = Math.abs(wanted.azimuth - now.azimuth) + Math.abs(wanted.elevation - now.elevation)
      + 90 * Math.abs(Math.log(wanted.zoom / now.zoom))
      + (90 * Math.hypot(...moved(wanted.target, now.target, -1))) / (home.halfHeight * wanted.zoom);
    if (left < 0.02) {
      this.now = { ...wanted };
      return false;
    }
    this.now = {
      ...now,
      azimuth: blend(now.azimuth, wanted.azimuth),
      elevation: blend(now.elevation, wanted.elevation),
      zoom: now.zoom * (wanted.zoom / now.zoom) ** share,
      target: now.target.map((value, axis) => blend(value, wanted.target[axis])),
    };
    return true;
  }

  get camera() {
    const { azimuth, elevation, target, zoom } = this.now, distance = this.home.distance * Math.max(zoom, Orbit.NEAREST);
    return { azimuth, elevation, target, distance, halfHeight: this.home.halfHeight * zoom };
  }
}
