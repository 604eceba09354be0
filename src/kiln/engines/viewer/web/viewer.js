// The page: reads what is embedded, keeps the choices, draws when something changed.
// Choices may stand in the address: page.html#mode=normal&lod=1&hulls&wire&exposure=1.4&turn=off&bare

const TURN_DEGREES_PER_SECOND = 14;
const LONGEST_STEP = 0.1;      // seconds: after a pause the picture does not jump
const MOST_PIXELS_PER_PIXEL = 2;

const $ = (id) => document.getElementById(id);
const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
const asked = new URLSearchParams(location.hash.slice(1));
const studio = JSON.parse($("scene").textContent);
const orbit = new Orbit(studio.camera);
const choices = { mode: "shaded", lod: 0, wire: false, hulls: false, exposure: 1, turning: !still && asked.get("turn") !== "off" };
let scene = null, waiting = 0, before = 0;

function bytesOf(base64) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
  const letters = atob(base64), bytes = new Uint8Array(letters.length);
  for (let at = 0; at < bytes.length; at++) bytes[at] = letters.charCodeAt(at);
  return bytes;
}

// The box of the page in which the poster lies: the picture's middle and side, CSS pixels.
function frameBox() {
  const { left, top, width, height } = $("frame").getBoundingClientRect();
  return { x: left + width / 2, y: top + height / 2, side: Math.min(width, height) };
}

function say(sentence) {
  $("notice").textContent = sentence;
  $("notice").hidden = !sentence;
  document.body.classList.toggle("flat", Boolean(sentence));
}

function changed() {
  if (!waiting) waiting = requestAnimationFrame(drawFrame);
}

function drawFrame(now) {
  const seconds = Math.min(Math.max((now - before) / 1000, 0), LONGEST_STEP);
  cancelAnimationFrame(waiting);
  [before, waiting] = [now, 0];
  if (!scene || scene.gl.isContextLost()) return;
  if (choices.turning) orbit.wanted.azimuth += TURN_DEGREES_PER_SECOND * seconds;
  const moving = orbit.advance(still ? Infinity : seconds);
  const canvas = $("canvas"), size = { width: canvas.clientWidth, height: canvas.clientHeight };
  const dense = Math.min(devicePixelRatio, MOST_PIXELS_PER_PIXEL);
  const [width, height] = [Math.round(size.width * dense), Math.round(size.height * dense)];
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  scene.draw(orbit.camera, frameBox(), size, choices);
  document.body.classList.add("ready");
  if (moving || choices.turning) changed();
}

function setTurning(turning) {
  choices.turning = turning;
  $("turn").setAttribute("aria-pressed", String(turning));
  changed();
}

// What `start` needs once for each context; a lost one comes back empty.
function connectPanel() {
  for (const radio of document.querySelectorAll("input[type=radio]")) {
    const value = radio.name === "lod" ? Number(radio.value) : radio.value;
    radio.addEventListener("change", () => { choices[radio.name] = value; changed(); });
  }
  for (const name of ["wire", "hulls"]) $(name)?.addEventListener("change", () => { choices[name] = $(name).checked; changed(); });
  $("exposure").addEventListener("input", () => { choices.exposure = 2 ** Number($("exposure").value); changed(); });
  $("turn").addEventListener("click", () => setTurning(!choices.turning));
  $("reset").addEventListener("click", () => { orbit.reset(); setTurning(false); });
  $("fullscreen").addEventListener("click", toggleFullscreen);
  $("details").addEventListener("click", () => {
    const open = document.body.classList.toggle("open");
    $("details").setAttribute("aria-expanded", String(open));
  });
  document.addEventListener("keydown", (event) => {
    const { key, ctrlKey, metaKey, altKey } = event, id = { w: "wire", h: "hulls", f: "fullscreen", t: "turn" }[key.toLowerCase()];
    if (id && !ctrlKey && !metaKey && !altKey) $(id)?.click();
  });
}

function toggleFullscreen() {
  if (document.fullscreenElement) document.exitFullscreen();
  else document.documentElement.requestFullscreen?.().catch(() => {});
}

function followAddress() {
  document.body.classList.toggle("bare", asked.has("bare"));
  for (const group of ["mode", "lod"]) document.querySelector(`input[name=${group}][value="${CSS.escape(asked.get(group) ?? "")}"]`)?.click();
  for (const name of ["wire", "hulls"]) if (asked.has(name)) $(name)?.click();
  const exposure = Number(asked.get("exposure"));
  if (exposure > 0) {
    $("exposure").value = Math.log2(exposure);
    $("exposure").dispatchEvent(new Event("input"));
  }
}

async function start() {
  const gl = $("canvas").getContext("webgl2", { antialias: true, premultipliedAlpha: true });
  if (!gl) {
    say("This browser shows no 3D (WebGL 2), so here is a picture.");
    return;
  }
  const model = readGlb(bytesOf($("model").textContent));
  const images = await Promise.all(model.images.map(({ bytes, type }) => decodePicture(bytes, type)));
  const shadow = await decodePicture(bytesOf(studio.shadow.png), "image/png");
  if (gl.isContextLost()) return;
  scene = new Scene(gl, model, { images, shadow }, studio);
  say("");
  changed();
}

function begin() {
  start().catch((error) => {
    scene = null;
    say(`The 3D view could not be started, so here is a picture. (${error.message.split("\n")[0]})`);
  });
}

$("fullscreen").hidden = !document.fullscreenEnabled;
connectPanel();
followAddress();
setTurning(choices.turning);
steer($("canvas"), orbit, { half: () => frameBox().side / 2, touched: () => setTurning(false) });
$("canvas").addEventListener("webglcontextlost", (event) => {
  event.preventDefault();
  scene = null;
  say("The graphics card was taken away, so here is a picture until it is back.");
});
$("canvas").addEventListener("webglcontextrestored", begin);
// At once: a frame later the picture would be seen stretched.
const resized = new ResizeObserver(() => drawFrame(performance.now()));
for (const id of ["canvas", "frame"]) resized.observe($(id));
begin();
