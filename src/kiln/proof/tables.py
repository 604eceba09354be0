"""The tables of the report page: measures by group, the contract, LODs, hulls."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape

from kiln.asset import Body, Line, Primitive, Report, Value, Verdict
from kiln.proof.criteria import BY_KEY, MEASURES, Measure, label_and_value
from kiln.proof.html import facts, folded, mark, section, table

_OF_A_LOD = re.compile(r"lod\d")
_LOD_COLUMNS = ("triangles", "silhouette_iou", "deviation", "deviation_m", "unreal_screen_size", "unity_height", "godot_m")
_LOD_HEAD = ("Level", "Triangles", "Silhouette", "Deviation", "in metres", "Unreal: Screen Size", "Unity: height", "Godot: from")


def judged(measures: Mapping[str, Value]) -> list[tuple[Measure, Value, bool | None]]:
    """Every measure that there is, in the table's order, with its value and whether that is good."""
    return [(m, measures[m.key], m.is_good(measures[m.key])) for m in MEASURES if m.key in measures]


def measure_tables(measures: Mapping[str, Value]) -> str:
    """A folded table for each group of measures; those of LODs have a table of their own."""
    groups: dict[str, list[tuple[Measure, Value, bool | None]]] = {}
    for entry in judged(measures):
        if not _OF_A_LOD.match(entry[0].key):
            groups.setdefault(entry[0].group, []).append(entry)
    return "\n".join(
        folded(group, f'<table class="measures">{"".join(_row(*entry) for entry in entries)}</table>', aside=_tally(entries))
        for group, entries in groups.items()
    )


def _tally(entries: Sequence[tuple[Measure, Value, bool | None]]) -> str:
    """How many of a group's measures are good."""
    verdicts = [good for _, _, good in entries if good is not None]
    if not verdicts:
        return f"{len(entries)} measured"
    return f"{sum(verdicts)} of {len(verdicts)} good {mark(all(verdicts))}"


def _row(measure: Measure, value: Value, good: bool | None) -> str:
    wanted = f'<span class="wanted">aim: {escape(measure.good)}</span>' if measure.good and (good is False or measure.at_most != 0) else ""
    means = f'<span class="means">{escape(measure.means)}</span>' if measure.means else ""
    return (
        f'<tr id="{escape(measure.key)}"><th scope="row">{escape(measure.label)}{means}</th>'
        f'<td class="value">{escape(measure.shown(value))}{wanted}</td><td class="judged">{mark(good)}</td></tr>\n'
    )


def verdict(report: Report) -> str:
    """One sentence: whether the contract is kept, or else how many checks pass, and what to look at."""
    if report.contract is not None:
        return _verdict_on_contract(report.contract)
    checks = [(m, good) for m, _, good in judged(report.measures) if good is not None]
    failed = [m.label for m, good in checks if not good]
    if not failed:
        return f"All {len(checks)} checks pass on the written file."
    return f"{len(checks) - len(failed)} of {len(checks)} checks pass. To look at: {_few(failed)}."


def passes(report: Report) -> bool:
    """Whether the contract is kept; without one, whether everything measured is good."""
    if report.contract is not None:
        return report.contract.passed
    return all(good is not False for _, _, good in judged(report.measures))


def _verdict_on_contract(contract: Verdict) -> str:
    limits = [line for line in contract.lines if line.passed is not None]
    if contract.passed:
        return f"Keeps the contract “{contract.contract}”: all {len(limits)} limits, measured on the written file."
    broken = _few([label_and_value(line.key, None)[0] for line in contract.broken])
    return f"Breaks the contract “{contract.contract}”: {len(contract.broken)} of {len(limits)} limits. To look at: {broken}."


def _few(labels: Sequence[str]) -> str:
    """The first two of them, and how many more there are."""
    named = ", ".join(label[:1].lower() + label[1:] if label[1:2].islower() else label for label in labels[:2])
    return named + (f" and {len(labels) - 2} more" if len(labels) > 2 else "")


def contract_part(contract: Verdict | None) -> str:
    """The contract limit by limit, those that are broken first and unfolded, and what was tried."""
    if contract is None:
        return ""
    rows = [_limit(line) for line in sorted(contract.lines, key=lambda line: line.passed is not False)]
    tried = "".join(f"<li>{escape(sentence)}</li>" for sentence in contract.attempts)
    counted = f"{sum(line.passed is True for line in contract.lines)} of {len(contract.lines)} kept {mark(contract.passed)}"
    limits = folded("Limits", table(("Measure", "Limit", "Measured", ""), rows), aside=counted, unfolded=not contract.passed)
    return section(f"Contract: {contract.contract}", limits, f'<ol class="tried">{tried}</ol>' if tried else "")


def _limit(line: Line) -> tuple[str, str, str, str]:
    measure = BY_KEY.get(line.key)
    label, value = label_and_value(line.key, line.value)
    return escape(label), escape(_limit_words(line.limit, measure)), escape(value), mark(line.passed)


def _limit_words(limit: str, measure: Measure | None) -> str:
    """A contract's "<= 0.15" in the measure's own unit."""
    comparison, _, bound = limit.partition(" ")
    try:
        number = float(bound)
    except ValueError:
        return limit
    shown = measure.shown(int(number) if number.is_integer() else number) if measure is not None else bound
    return f"{comparison} {shown}".replace("<=", "≤").replace(">=", "≥").replace("== ", "")


def lod_table(measures: Mapping[str, Value]) -> str:
    """A row for each LOD: how far it is off, and from which size or distance each engine may show it."""
    levels = range(1, 1 + sum(f"lod{n}_triangles" in measures for n in range(1, 8)))
    return table(_LOD_HEAD, [(f"LOD{n}", *(_cell(f"lod{n}_{column}", measures) for column in _LOD_COLUMNS)) for n in levels])


def _cell(key: str, measures: Mapping[str, Value]) -> str:
    return f'<span id="{escape(key)}">{escape(label_and_value(key, measures.get(key))[1])}</span>'


def hull_table(bodies: Sequence[Body]) -> str:
    """A row for each hull, with the simple body that may replace it; nothing where there is none for any of them."""
    if not any(fit for _, fit in bodies):
        return ""
    return table(
        ("Hull", "Vertices", "Triangles", "May be replaced by"),
        [
            (str(number), f"{hull.vertex_count}", f"{hull.triangle_count}", escape(_fit(fit)))
            for number, (hull, fit) in enumerate(bodies, start=1)
        ],
    )


def _fit(fit: Primitive | None) -> str:
    if fit is None:
        return "–"
    x, y, z = (f"{side:.3g}" for side in fit.size)
    sizes = {"box": f"{x} × {y} × {z} m", "sphere": f"{x} m across", "capsule": f"{x} m across, {y} m long"}
    return f"a {fit.kind}, {sizes[fit.kind]}"


def proof_facts(measures: Mapping[str, Value]) -> str:
    """The few numbers that say how true the asset is to its source."""
    return _facts(measures, _PROOF)


def hull_facts(measures: Mapping[str, Value]) -> str:
    """The few numbers that say what collision costs and how true it is."""
    return _facts(measures, _HULLS)


_PROOF = {
    "color_psnr_db": "Colour, as seen",
    "view_normal_error_mean_degrees": "Normals, as seen",
    "silhouette_iou": "Silhouette, worst view",
    "seam_color_delta": "Colour step at seams",
}
_HULLS = {"hulls": "Hulls", "hull_triangles": "Triangles", "hull_volume_error": "Volume error", "hull_outside": "Stand out by"}


def _facts(measures: Mapping[str, Value], named: Mapping[str, str]) -> str:
    return facts((label, BY_KEY[key].shown(measures[key])) for key, label in named.items() if measures.get(key) is not None)
