from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import kiln.engines.viewer.page as viewer
from kiln.asset import Asset, Material, Skeleton
from kiln.engines.handover import EngineOptions, Handover
from kiln.engines.viewer import viewer_page
from kiln.formats.model import read_model
from oracles import khronos
from shapes import cube

VOID = {"meta", "img", "br", "input", "link", "path", "circle"}


class Page(HTMLParser):
    """Reads the page, checking that every element is closed in order, and remembers what it needs."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.open: list[tuple[str, str]] = []
        self.ids: list[str] = []
        self.inputs: list[str] = []
        self.sources: list[str] = []
        self.policy = ""
        self.words = ""
        self.inside: dict[str, str] = {}
        self.feed(page.decode())
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {key: value or "" for key, value in attrs}
        assert "style" not in values and not any(key.startswith("on") for key in values)
        self.ids += [values["id"]] if "id" in values else []
        self.sources += [value for key, value in values.items() if key in ("src", "href", "srcset", "action", "data")]
        if values.get("http-equiv") == "Content-Security-Policy":
            self.policy = values["content"]
        if tag == "input":
            self.inputs.append(values.get("value", values.get("id", "")))
        if tag == "button":
            assert values["aria-label"] and values["title"]
        if tag not in VOID:
            self.open.append((tag, values.get("id", "")))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        tag, name = self.open[-1] if self.open else ("", "")
        self.inside[name or tag] = self.inside.get(name or tag, "") + data
        if tag not in ("script", "style"):
            self.words += data

    def model(self) -> bytes:
        return base64.b64decode(self.inside["model"])


def bare(**changes: object) -> Handover:
    """A cube without anything."""
    box = replace(cube(), normals=(cube().positions / np.float32(np.sqrt(0.75))).astype(np.float32))
    return Handover(asset=replace(Asset(name="box", source=box), **changes), textures={})


def hashed(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


def test_the_page_is_well_formed_and_fetches_nothing(handover: Handover) -> None:
    written = viewer_page(handover)
    page = Page(written)
    assert len(page.ids) == len(set(page.ids))
    assert all(source.startswith("data:") for source in page.sources)
    assert b"http:" not in written and b"https:" not in written and b"url(" not in written and b"@import" not in written


def test_only_its_own_script_and_style_may_run(handover: Handover) -> None:
    page = Page(viewer_page(handover))
    policy = dict(entry.strip().split(" ", 1) for entry in page.policy.split(";"))
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == "'none'" and policy["img-src"] == "data:"
    assert policy["script-src"] == hashed(page.inside["script"])
    assert policy["style-src"] == hashed(page.inside["style"])


def test_the_same_asset_gives_the_same_page(handover: Handover) -> None:
    assert viewer_page(handover) == viewer_page(handover)


@pytest.mark.parametrize("name", ["</script><script>alert(1)</script>", "a & b", "\"'$name ${1}", "<!--<script>"])
def test_names_cannot_break_out(name: str) -> None:
    written = viewer_page(bare(name=name))
    page = Page(written)
    assert name in page.words
    assert written.count(b"<script") == 3 and "alert(1)" not in page.inside["script"]


def test_the_models_nodes_are_levels_then_hulls_and_khronos_has_nothing_to_say(handover: Handover, tmp_path: Path) -> None:
    file = tmp_path / "model.glb"
    file.write_bytes(Page(viewer_page(handover)).model())
    assert [(found["errors"], found["warnings"]) for found in khronos(file)] == [(0, 0)]
    content = read_model(file)
    asset = handover.asset
    assert content.mesh.triangle_count == sum(m.triangle_count for m in (asset.mesh or asset.source, *asset.lods, *asset.hulls))


def test_textures_are_small_jpegs_and_keep_their_colours(handover: Handover, tmp_path: Path) -> None:
    material = replace(handover.asset.material or Material(), base_color=np.full((256, 128, 4), (200, 90, 40, 255), np.uint8))
    small = replace(handover, asset=replace(handover.asset, material=material), options=EngineOptions(web_texture_size=64))
    file = tmp_path / "model.glb"
    file.write_bytes(Page(viewer_page(small)).model())
    read = read_model(file).materials[0].base_color
    assert read is not None and read.shape == (64, 32, 4)
    assert np.abs(read[..., :3].astype(int) - (200, 90, 40)).max() <= 2
    assert b"image/jpeg" in file.read_bytes() and b"image/png" not in file.read_bytes()


def test_alpha_that_matters_stays(handover: Handover, tmp_path: Path) -> None:
    color = np.full((16, 16, 4), 255, np.uint8)
    color[:8, :, 3] = 0
    cut = replace(handover, asset=replace(handover.asset, material=Material(base_color=color, alpha_mode="MASK")))
    file = tmp_path / "model.glb"
    file.write_bytes(Page(viewer_page(cut)).model())
    read = read_model(file).materials[0].base_color
    assert read is not None and np.array_equal(read, color)


def test_what_is_not_there_is_not_offered(handover: Handover) -> None:
    rich, poor = Page(viewer_page(handover)), Page(viewer_page(bare()))
    assert {"occlusion", "checker", "1", "2", "hulls"} <= set(rich.inputs)
    assert not {"occlusion", "emissive", "checker", "1", "hulls"} & set(poor.inputs)
    glowing = bare(material=Material(emissive_factor=(1.0, 0.0, 0.0)))
    assert "emissive" in Page(viewer_page(glowing)).inputs


def test_facts_are_told(handover: Handover) -> None:
    words = Page(viewer_page(handover, model_bytes=1_234_567)).words
    for fact in ("6,240", "64 × 64 px", "colour, normal, ORM", "1.2 MB", "Collision hulls"):
        assert fact in words
    assert "1.00 × 1.00 × 1.00 m" in Page(viewer_page(bare())).words


def test_skinned_meshes_stand_in_their_bind_pose(handover: Handover, tmp_path: Path) -> None:
    mesh = handover.asset.mesh or handover.asset.source
    joints, weights = np.zeros((mesh.vertex_count, 4), np.uint16), np.tile(np.float32([1, 0, 0, 0]), (mesh.vertex_count, 1))
    skeleton = Skeleton(names=("root",), parents=np.array([-1], np.int32), local_matrices=np.eye(4)[None])
    asset = replace(handover.asset, mesh=replace(mesh, joints=joints, weights=weights), skeleton=skeleton, lods=(), hulls=())
    page = Page(viewer_page(replace(handover, asset=asset)))
    assert "1, in bind pose" in page.words
    assert b"JOINTS_0" not in page.model() and b"skins" not in page.model()


def test_the_scene_holds_no_tag(handover: Handover) -> None:
    scene = Page(viewer_page(handover)).inside["scene"]
    assert "<" not in scene
    assert json.loads(scene)["levels"] == 3


def node(source: str, folder: Path, *flags: str) -> str:
    found = shutil.which("node")
    if found is None:
        pytest.fail("no node: install it, the page's script must be checked")
    file = folder / "script.js"
    file.write_text(source, encoding="utf-8")
    done = subprocess.run([found, *flags, str(file)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_script_parses(handover: Handover, tmp_path: Path) -> None:
    node(Page(viewer_page(handover)).inside["script"], tmp_path, "--check")


def test_shaders_and_scripts_on_disk_are_all_in_the_page() -> None:
    web = Path(viewer.__file__).parent / "web"
    code = {file.name for file in web.iterdir() if file.suffix in (".js", ".vert", ".frag")}
    assert code == {*viewer._SCRIPTS, *viewer._SHADERS}
    assert max(len(file.read_text(encoding="utf-8").splitlines()) for file in web.iterdir()) <= 200


READ = """
const bytes = require("fs").readFileSync(process.argv[2]);
const found = readGlb(new Uint8Array(bytes));
const [first, , , hull] = found.nodes;
const { attributes, indices } = first.primitives[0];
console.log(JSON.stringify({
  names: found.nodes.map(({ name }) => name),
  position: [...attributes.POSITION.data], uv: [...attributes.TEXCOORD_0.data], indices: [...indices.data],
  hull: Object.keys(hull.primitives[0].attributes), material: found.materials[0],
  images: found.images.map(({ type, bytes }) => [type, bytes.length]),
}));
"""


def test_the_pages_reader_reads_what_ours_writes(handover: Handover, tmp_path: Path) -> None:
    file, mesh = tmp_path / "model.glb", handover.asset.mesh or handover.asset.source
    file.write_bytes(Page(viewer_page(handover)).model())
    source = viewer._text("glb.js") + READ.replace("process.argv[2]", json.dumps(str(file)))
    found = json.loads(node(source, tmp_path))
    assert found["names"] == ["pear_LOD0", "pear_LOD1", "pear_LOD2", "pear_hull_00"]
    assert np.array_equal(np.float32(found["position"]), mesh.positions.ravel())
    assert mesh.uvs is not None and np.array_equal(np.float32(found["uv"]), mesh.uvs.ravel())
    assert found["indices"] == mesh.triangles.ravel().tolist()
    assert found["hull"] == ["POSITION"]
    assert [found["material"][key] for key in ("baseColorMap", "normalMap", "ormMap")] == [0, 1, 2]
    assert [kind for kind, _ in found["images"]] == ["image/jpeg"] * 3


def test_the_pages_reader_refuses_what_is_no_glb(tmp_path: Path) -> None:
    source = viewer._text("glb.js") + "try { readGlb(new Uint8Array(40)); } catch (error) { console.log(error.message); }"
    assert re.match("not a GLB", node(source, tmp_path))


EDGES = """
const points = Float32Array.from([0, 0, 0, 1, 0, 0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 1, 1, 0]);
const primitives = [{ attributes: { POSITION: { data: points } }, indices: { data: Uint16Array.from([0, 1, 2, 4, 5, 3]) } }];
console.log(JSON.stringify([edgesOf(primitives).length / 6, edgesOf(primitives, { folds: true }).length / 6]));
"""


def test_a_split_squares_diagonal_is_one_edge_and_no_fold(tmp_path: Path) -> None:
    assert json.loads(node(viewer._text("camera.js") + viewer._text("edges.js") + EDGES, tmp_path)) == [5, 4]


def test_the_pages_camera_projects_as_the_renderers(tmp_path: Path) -> None:
    from kiln.render.camera import Camera

    camera = Camera(azimuth_degrees=37.0, elevation_degrees=21.0, target=(0.1, 0.2, -0.3), half_height=0.8, distance=4.0)
    points = np.random.default_rng(3).uniform(-0.5, 0.5, (20, 3)).astype(np.float32)
    settings = {"azimuth": 37, "elevation": 21, "target": camera.target, "halfHeight": 0.8, "distance": 4}
    size = {"width": 200, "height": 100}
    call = f"console.log(JSON.stringify([...clipMatrix({json.dumps(settings)}, {{x: 90, y: 40, side: 60}}, {json.dumps(size)}, 3)]));"
    matrix = np.array(json.loads(node(viewer._text("camera.js") + call, tmp_path))).reshape(4, 4).T
    clip = np.column_stack([points, np.ones(20)]) @ matrix.T
    ndc = clip[:, :3] / clip[:, 3:]
    shown = np.column_stack([(ndc[:, 0] + 1) * 100, (1 - ndc[:, 1]) * 50])
    meant, depth, _ = camera.project(points, width=60, height=60)
    assert np.allclose(shown, meant + np.array([60, 10]), atol=1e-3)
    assert np.abs(ndc[:, 2]).max() < 1 and np.array_equal(np.argsort(ndc[:, 2]), np.argsort(depth))
