"""The report of a package as its files: report.json for machines; preview sheets and report.html for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from kiln.asset import Asset, FileRecord, Report
from kiln.formats.asset_files import game_materials, game_mesh
from kiln.formats.package import json_bytes
from kiln.formats.png import encode_pngs
from kiln.proof.evidence import evidence_sheet, evidence_tiles
from kiln.proof.lod_pairs import lod_pairs
from kiln.proof.measure import Evidence
from kiln.proof.page import Exhibits, key_facts, write_page
from kiln.proof.preview import Tile, Views, contact_sheet, map_tiles, maps_sheet, photograph
from kiln.proof.provenance import MADE_WITH, licences


@dataclass(frozen=True, eq=False, kw_only=True)
class Previews:
    """Pictures that need no measures, and so can be taken while files are written and measured."""

    views: Views
    maps: tuple[Tile, ...]


def take_previews(asset: Asset) -> Previews:
    """Pictures of the game mesh from all sides, and of its maps."""
    materials, mesh = game_materials(asset), game_mesh(asset)
    views = photograph(mesh, materials or None, name=asset.name, lods=asset.lods, hulls=asset.hulls)
    return Previews(views=views, maps=map_tiles(materials[0], mesh) if materials else ())


def gather_exhibits(asset: Asset, previews: Previews, evidence: Evidence) -> Exhibits:
    """Everything that the page shows."""
    subject = previews.views.subject
    return Exhibits(
        views=previews.views,
        maps=previews.maps,
        evidence=evidence_tiles(evidence),
        lod_pairs=() if subject is None else lod_pairs(subject, asset.lods, evidence.measures),
        sources=asset.pictures,
        bodies=asset.bodies,
    )


def report_json(report: Report) -> bytes:
    """The report for machines; of a contract also whether it is kept."""
    verdict = {} if report.contract is None else {"passed": report.contract.passed}
    return json_bytes(asdict(report) | verdict)


def preview_files(report: Report, exhibits: Exhibits) -> dict[str, bytes]:
    """The sheets as PNG, by their paths in the package."""
    facts = [f"{name} {value}" for name, value in key_facts(report.measures)]
    sheets = {"previews/contact_sheet.png": contact_sheet(exhibits.views, title=report.name, facts=facts)}
    if exhibits.maps:
        sheets["previews/maps.png"] = maps_sheet(exhibits.maps)
    if exhibits.evidence:
        sheets["previews/fidelity.png"] = evidence_sheet(exhibits.evidence, title=f"{report.name}, true to its source")
    return encode_pngs(sheets)


def report_page(report: Report, exhibits: Exhibits, *, asset: Asset, files: Sequence[FileRecord]) -> bytes:
    """report.html; `files` are those written before it."""
    page = write_page(report, exhibits, files=files, inputs=asset.inputs, licences=licences(asset.history), made_with=MADE_WITH)
    return page.encode()
