from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiln.formats.names import asset_name, distinct, safe_name, unique_names


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("misc_crate", "misc_crate"),
        ("Crème brûlée (final) v2", "Creme_brulee_final_v2"),
        ("Épée 2", "Epee_2"),
        ("Straße", "Strasse"),
        ("черный меч", "chernyy_mech"),
        ("漢字", "HanZi"),
        ("ひらがな 剣", "hiragana_Jian"),
        ("한글", "HanGeul"),
        ("한글", "HanGeul"),  # decomposed, as macOS writes names
        ("3d model", "a_3d_model"),
        ("../../etc", "etc"),
        ("con", "a_con"),
        ("Com1", "a_Com1"),
        ("console", "console"),
        ("x" * 200, "x" * 64),
        ("a\0b", "a_b"),
        ("", "asset"),
        ("___", "asset"),
    ],
)
def test_names_are_safe(text: str, name: str) -> None:
    assert safe_name(text) == name


@given(st.text(max_size=100))
def test_any_text_becomes_an_identifier_that_stays_itself(text: str) -> None:
    name = safe_name(text)
    assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,63}", name)
    assert safe_name(name) == name


@pytest.mark.parametrize(
    ("texts", "names"),
    [
        (["wood", "steel"], ("wood", "steel")),
        (["rock", "Rock", "rock_2"], ("rock", "Rock_3", "rock_2")),
        (["", "", "?"], ("asset", "asset_2", "asset_3")),
        (["x" * 70, "X" * 70], ("x" * 64, "X" * 62 + "_2")),
        (["меч", "mech"], ("mech", "mech_2")),
        ([], ()),
    ],
)
def test_names_of_several_things_differ(texts: list[str], names: tuple[str, ...]) -> None:
    assert unique_names(texts) == names


@given(st.lists(st.sampled_from(["a", "A", "a_2", "A_2", "a_3", "b" * 64, "b" * 63 + "c", ""])))
def test_no_two_names_are_equal_when_case_is_ignored(texts: list[str]) -> None:
    names = unique_names(texts)
    assert len({name.lower() for name in names}) == len(names) == len(texts)
    assert all(len(name) <= 64 for name in names)


def test_many_equal_names_take_no_time() -> None:
    assert len(set(distinct(["a"] * 5_000))) == 5_000


@pytest.mark.parametrize(("stem", "name"), [("SM_crate", "crate"), ("SK_hero", "hero"), ("SM_", "SM"), ("smith", "smith")])
def test_an_asset_from_a_file_loses_unreals_prefix(stem: str, name: str) -> None:
    assert asset_name(stem) == name
