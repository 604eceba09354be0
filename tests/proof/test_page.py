from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from kiln.asset import FileRecord, Line, Picture, Primitive, Report, Step, Verdict
from kiln.proof.criteria import BY_KEY, MEASURES
from kiln.proof.page import Exhibits, key_facts, write_page
from kiln.proof.preview import Tile, Views
from kiln.proof.tables import hull_table, lod_table, verdict
from shapes import cube

VOID = {"meta", "img", "br"}


class Strict(HTMLParser):
    """Reads the page, checking that every element is closed in order, and remembers what it needs."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.sources: list[str] = []
        self.tags: set[str] = set()
        self.words = ""
        self.cells: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        values = dict(attrs)
        self.ids += [values["id"]] if values.get("id") else []
        self.sources += [value for key, value in attrs if key in ("src", "href") and value]
        if tag == "img":
            assert values["alt"] and values["width"] and values["height"]
        if tag in ("td", "th"):
            self.cells.append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data
        if {"td", "th"} & set(self.open):
            self.cells[-1] += data


def tile(caption: str = "a tile", size: int = 8) -> Tile:
    return Tile(caption=caption, pixels=np.full((size, size, 3), 200, np.uint8))


def views() -> Views:
    return Views(hero=tile("hero"), details=(tile("clay"),), around=tuple(tile(f"view {n}") for n in range(8)), coarser=(tile("LOD1"),))


def report(name: str = "jug", **measures: object) -> Report:
    return Report(name=name, measures={"triangles": 8000, "open_edges": 0, "watertight": "yes", **measures})  # type: ignore[dict-item]


def whole_page(name: str = "jug") -> str:
    every = {measure.key: 1 for measure in MEASURES}
    step = Step(
        stage="simplify",
        params={"triangles": 8000, "ratio": 0.25, "keep_uvs": False, "levels": [0.5, 0.25], "box": None},
        notes=("from 300,000 <b>",),
    )
    full = Report(name=name, measures=every, steps=(step,), warnings=("look & see",))
    file = FileRecord(name=f"{name}.png", sha256="ab" * 32, size=1234)
    picture = Picture(pixels=np.full((40, 20, 4), 100, np.uint8), name=name, view="left")
    return write_page(
        full,
        Exhibits(
            views=views(),
            maps=[tile("Normal")],
            evidence=[tile("Error of normals")],
            lod_pairs=[tile("LOD0 and LOD1")],
            sources=[picture],
            bodies=[(cube(), Primitive(kind="box", center=(0.0, 0.0, 0.0), size=(1.0, 2.0, 0.5)))],
        ),
        files=[file],
        inputs=[file],
        licences={"xatlas <1>": "MIT"},
        made_with="Kiln <0>",
    )


def test_the_page_is_well_formed_and_holds_every_measure() -> None:
    page = Strict(whole_page())
    assert set(page.ids) == set(BY_KEY)
    for measure in MEASURES:
        assert measure.label in page.words or measure.key.startswith("lod")
    for words in (
        "from 300,000 <b>",
        "look & see",
        "xatlas <1>",
        "Kiln <0>",
        "ab" * 32,
        "1.2 kB",
        "triangles 8000, ratio 0.25, keep uvs no, levels 0.5 and 0.25",
        "LOD1",
        "Normal",
        "view 7",
        "Error of normals",
        "LOD0 and LOD1",
        "a box, 1 × 2 × 0.5 m",
    ):
        assert words in page.words


def test_the_page_needs_nothing_else_and_runs_nothing() -> None:
    page = Strict(whole_page())
    assert all(source.startswith("data:image/jpeg;base64,") for source in page.sources)
    assert not page.tags & {"script", "link", "iframe", "object", "form"}
    assert "http" not in whole_page() and "url(" not in whole_page() and "@import" not in whole_page()


@pytest.mark.parametrize("name", ['<script>alert("x")</script>', "a & b", "\"'{curly}"])
def test_names_are_escaped(name: str) -> None:
    page = Strict(whole_page(name))
    assert "script" not in page.tags
    assert name in page.words


def test_parts_without_content_are_left_out() -> None:
    words = Strict(write_page(report(), Exhibits(views=views()))).words
    for title in ("Maps", "Made from", "What each stage did", "Files", "Licences"):
        assert title not in words
    assert "All around" in words


def test_the_same_report_gives_the_same_page() -> None:
    assert whole_page() == whole_page()


def test_the_verdict_counts_checks_and_names_what_to_look_at() -> None:
    assert verdict(report()) == "All 2 checks pass on the written file."
    assert verdict(report(open_edges=3)) == "1 of 2 checks pass. To look at: open edges."
    assert verdict(report(open_edges=3, watertight="no", uv_flipped=9)).endswith("To look at: watertight, open edges and 1 more.")


def test_marks_tell_good_from_bad_without_colour() -> None:
    page = write_page(report(open_edges=3), Exhibits(views=views()))
    assert page.count('aria-label="good"') == 1
    assert page.count('aria-label="needs a look"') == 3  # in the verdict, beside the group's name, in its table


LINES = (
    Line(key="triangles", limit="<= 10000", value=8000, passed=True),
    Line(key="uv_utilization", limit=">= 0.62", value=0.5, passed=False),
    Line(key="file_bytes", limit="<= 5242880", value=None, passed=None),
    Line(key="watertight", limit="== yes", value="yes", passed=True),
)


def test_a_broken_contract_stands_first_with_its_limits_in_peoples_units() -> None:
    broken = replace(report(), contract=Verdict(contract="web", lines=LINES, attempts=("wider gutters: no better",)))
    assert verdict(broken) == "Breaks the contract “web”: 1 of 3 limits. To look at: texture used."
    words = Strict(write_page(broken, Exhibits(views=views()))).words
    for shown in ("≥ 62.0 %", "50.0 %", "≤ 10,000", "≤ 5.2 MB", "not applicable", "2 of 4 kept", "wider gutters: no better"):
        assert shown in words
    assert words.index("≥ 62.0 %") < words.index("≤ 10,000")


def test_a_kept_contract_is_the_verdict_whatever_else_could_be_better() -> None:
    kept = replace(report(open_edges=3), contract=Verdict(contract="web", lines=LINES[:1]))
    assert verdict(kept) == "Keeps the contract “web”: all 1 limits, measured on the written file."
    assert "<details open>" not in write_page(kept, Exhibits(views=views()))


def test_key_facts_leave_out_what_is_not_there() -> None:
    assert key_facts({"triangles": 8000}) == [("Triangles", "8,000")]
    facts = key_facts(
        {"triangles": 8, "width_m": 1.0, "height_m": 2.0, "depth_m": 0.5, "base_color_size": "64 × 64", "lods": 3, "hulls": 2}
    )
    assert facts[1:] == [("Size", "1.00 × 2.00 × 0.50 m"), ("Textures", "64 × 64"), ("Levels of detail", "3"), ("Collision hulls", "2")]


def test_transparent_pictures_lie_on_paper() -> None:
    from kiln.proof.page import _on_paper

    pixels = np.zeros((4, 4, 4), np.uint8)
    pixels[:2] = (10, 20, 30, 255)
    shown = _on_paper(Picture(pixels=pixels, name="p"))
    assert tuple(shown[0, 0]) == (10, 20, 30) and tuple(shown[3, 3]) == (236, 236, 236)


def test_lods_have_a_row_each_with_what_every_engine_wants() -> None:
    cells = Strict(lod_table({"lods": 2, "lod1_triangles": 4000, "lod1_deviation": 0.004, "lod1_unity_height": 0.25})).cells
    assert cells[:4] == ["Level", "Triangles", "Silhouette", "Deviation"]
    assert cells[8:] == ["LOD1", "4,000", "not applicable", "0.400 %", "not applicable", "not applicable", "25.0 %", "not applicable"]
    assert lod_table({"triangles": 3}) == ""


def test_hulls_without_simpler_bodies_need_no_table() -> None:
    assert hull_table([]) == hull_table([(cube(), None)]) == ""
    ball = Primitive(kind="sphere", center=(0.0, 0.0, 0.0), size=(2.0, 2.0, 2.0))
    rod = Primitive(kind="capsule", center=(0.0, 0.0, 0.0), size=(0.2, 1.5, 0.2))
    words = Strict(hull_table([(cube(), fit) for fit in (ball, None, rod)])).words
    assert "a sphere, 2 m across" in words and "a capsule, 0.2 m across, 1.5 m long" in words and "–" in words


def test_only_the_first_warnings_are_unfolded() -> None:
    page = write_page(replace(report(), warnings=tuple(f"warning {n}" for n in range(5))), Exhibits(views=views()))
    folded = page.index("2 more")
    assert page.index("warning 2") < folded < page.index("warning 3")
