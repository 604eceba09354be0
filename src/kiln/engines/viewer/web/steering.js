// Mouse, touch and keys turned into movements of the orbit.

const DEGREES_PER_PIXEL = 0.35;
const KEY_DEGREES = 7.5;
const KEY_PAN = 0.08;         // of the picture's half height
const WHEEL_ZOOM = 0.0011;    // per pixel scrolled, of the zoom's logarithm
const LINE_PIXELS = 18;       // what a wheel that counts in lines is taken for
const PINCH_ZOOM = 8;         // touchpads tell of a pinch as of a wheel with ctrl, in small steps

// `half` tells how many CSS pixels half of the picture's height measures; `touched` is told of every movement.
function steer(canvas, orbit, { half, touched }) {
  const pointers = new Map();
  const pan = (x, y) => orbit.pan(-x / half(), y / half());
  const drag = (x, y, event) => {
    const sideways = event.shiftKey || event.ctrlKey || event.metaKey || (event.buttons & 6) !== 0;
    if (sideways) pan(x, y);
    else orbit.turn(-x * DEGREES_PER_PIXEL, y * DEGREES_PER_PIXEL);
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, [event.clientX, event.clientY]);
    touched();
  });
  canvas.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const after = [event.clientX, event.clientY], other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    if (other) pinch(orbit, before, after, other, pan);
    else drag(after[0] - before[0], after[1] - before[1], event);
    pointers.set(event.pointerId, after);
    touched();
  });
  for (const gone of ["pointerup", "pointercancel"]) canvas.addEventListener(gone, (event) => pointers.delete(event.pointerId));
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener("dblclick", () => { orbit.reset(); touched(); });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const pixels = event.deltaY * (event.deltaMode === 1 ? LINE_PIXELS : 1) * (event.ctrlKey ? PINCH_ZOOM : 1);
    orbit.zoom(Math.exp(pixels * WHEEL_ZOOM));
    touched();
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !pressed(orbit, event)) return;
    event.preventDefault();
    touched();
  });
}

// Two fingers: their distance zooms, their middle pans.
function pinch(orbit, before, after, other, pan) {
  const apart = (finger) => Math.max(Math.hypot(finger[0] - other[0], finger[1] - other[1]), 1);
  orbit.zoom(apart(before) / apart(after));
  pan((after[0] - before[0]) / 2, (after[1] - before[1]) / 2);
}

// Whether the key means something.
function pressed(orbit, { key, shiftKey }) {
  const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[key];
  if (way && shiftKey) orbit.pan(way[0] * KEY_PAN, way[1] * KEY_PAN);
  else if (way) orbit.turn(way[0] * KEY_DEGREES, way[1] * KEY_DEGREES);
  else if (key === "+" || key === "=") orbit.zoom(0.88);
  else if (key === "-" || key === "_") orbit.zoom(1 / 0.88);
  else if (key === "Home" || key === "0") orbit.reset();
  else return false;
  return true;
}
