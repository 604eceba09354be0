"""The maps of a game mesh, read from its source band by band, so that memory is that of the maps and of a few bands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8, UInt16

from kiln.asset import Mesh
from kiln.geometry.bake import SurfacePoints, Target, TexelHits, TexelTracer, tangent_normals
from kiln.geometry.curvature import mean_curvature
from kiln.geometry.occlusion import block_side, halo, openness, thickness
from kiln.geometry.vectors import unit_vectors
from kiln.imaging.color import linear_to_srgb
from kiln.imaging.dilate import fill_beyond, whole_texels
from kiln.kernels import map_in_threads
from kiln.kernels.bake import mark_jumps
from kiln.render.surface import Look

MapName = Literal["base_color", "normal", "orm", "emissive", "guessed", "curvature", "thickness", "position"]
MAP_NAMES: Final[tuple[MapName, ...]] = get_args(MapName)

CHANNELS: Final[Mapping[str, int]] = {"base_color": 4, "normal": 3, "normal_16": 3, "orm": 3, "emissive": 3, "position": 3}
"""Channels of each map; one where it is not listed."""

SHARPEST: Final = 50.0
"""Curvature that fills the map's range, in 1 / diagonal: an edge rounded with a radius of 2 % of the source's diagonal, or sharper."""

DEEPEST: Final = 1 / 3
"""Thickness that fills the map's range, as a share of the source's diagonal; a ball's is 0.29."""

_BAND = 1 << 19
"""Texels of a band, at least..."""

_BAND_ROWS = 128
"""... and rows, because the rows above and below it that averages need are traced twice."""

_TURN = np.cos(np.radians(30.0))
_STEP = 0.12
_GAP = 8.0
"""Neighbouring texels whose normals differ by 30 degrees, whose colours by 30 sRGB levels, or whose places on the source by eight texels'
sides lie at an edge."""

_GAPS = 1e-3
"""Share of texels that meet no source from which on the guessed map says so. A displaced cow with cracks has 0.03 %, sound sources none."""

_FLAT: Final[Mapping[str, tuple[int, int, int]]] = {"normal": (128, 128, 255), "normal_16": (32768, 32768, 65535)}
"""A texel that shows the mesh's own normal."""

_INSIDE: Final = np.array([(-0.1875, -0.0625), (0.0625, -0.1875), (0.1875, 0.0625), (-0.0625, 0.1875)])
"""Where in its texel each of an edge's four samples lies, from its centre: a rotated grid, which tells four steps apart across and down.

Over the middle half, because renderers interpolate between texels, which blurs by one more: over the whole texel a painted cow lost 0.5 dB
in rendered views at 512 texels, over half 0.1; dense relief gains the same with both (p95 of the normals' error 2.41 -> 2.37 degrees).
"""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which maps, how deep, how carefully."""

    maps: frozenset[MapName]
    ao_rays: int
    """From each block of texels (see geometry.occlusion), a power of two; 0 for no ambient occlusion."""

    bits: Literal[8, 16] = 8
    """Of the normal map's copy, of curvature and of thickness; position has 16 always."""

    supersampling: bool = True


@dataclass(frozen=True, eq=False, kw_only=True)
class Baked:
    """Whole maps by name, filled beyond the islands, and how the trace went."""

    maps: Mapping[str, UInt8[np.ndarray, "..."] | UInt16[np.ndarray, "..."]]
    found: int
    """Texels whose centre an island covers and that found their place on the source."""

    missed: int
    """Texels that met no source along their normal."""

    left_out: int
    """Texels that found no source at all; they have their nearest neighbour's value."""

    sharpened: int
    """Texels at edges, which are the mean of four samples."""

    cage: float
    """How far rays looked at most, metres."""


@dataclass(frozen=True, eq=False)
class _Samples:
    """Texels and what lies under each: floats by name of map."""

    hits: TexelHits
    values: dict[str, Float32[np.ndarray, "texels channels"]]

    def __getitem__(self, rows: slice | np.ndarray) -> _Samples:
        return _Samples(self.hits[rows], {name: found[rows] for name, found in self.values.items()})


class Baker:
    """Bakes a mesh's maps from a source."""

    def __init__(self, mesh: Mesh, target: Target, look: Look, *, size: int, wanted: Wanted) -> None:
        self.mesh, self.target, self.look, self.size, self.wanted = mesh, target, look, size, wanted
        self.tracer = TexelTracer(mesh, target, size=size)
        metres = self.tracer.texel_metres
        self.texel = float(np.median(metres[metres > 0])) if (metres > 0).any() else 1.0
        self.curvature = mean_curvature(target.mesh)[:, None] if "curvature" in wanted.maps else None
        self.covered = np.zeros((size, size), bool)
        self.lost: list[Int64[np.ndarray, " lost"]] = []
        self.maps = {name: np.zeros((size, size, *_channels(name)), dtype) for name, dtype in self._names().items()}

    def run(self, progress: Callable[[float], None]) -> Baked:
        """Everything; progress is told the share of bands that are done, and may raise."""
        side = block_side(self.size)
        rows = -(-max(_BAND // self.size, _BAND_ROWS) // side) * side
        firsts = range(0, self.size, rows)
        done: list[int] = []

        def band(first: int) -> Int64[np.ndarray, " 4"]:
            counts = self._band(first, min(first + rows, self.size))
            done.append(first)
            progress(len(done) / len(firsts))
            return counts

        found, missed, left_out, sharpened = np.sum(map_in_threads(band, firsts), axis=0).tolist()
        fill_beyond(self.covered, list(self.maps.values()))
        self._mark_gaps()
        cage = float(self.tracer.reach.max(initial=0))
        return Baked(maps=self.maps, found=found, missed=missed, left_out=left_out, sharpened=sharpened, cage=cage)

    def _names(self) -> dict[str, type[np.unsignedinteger]]:
        """Every map to be made and its kind of number."""
        wanted = self.wanted.maps
        there = {"emissive": self.look.glows, "guessed": self.target.mesh.seen is not None}
        bits = {"curvature": self.wanted.bits, "thickness": self.wanted.bits, "position": 16}
        names: dict[str, int] = {name: bits.get(name, 8) for name in MAP_NAMES if name in wanted and there.get(name, True)}
        if self.wanted.bits == 16 and "normal" in wanted:
            names["normal_16"] = 16
        return {name: _kind(depth) for name, depth in names.items()}

    def _band(self, first: int, last: int) -> Int64[np.ndarray, " 4"]:
        """Make rows first <= j < last of every map.

        Returns how many texels found the source, met nothing along their normal, found nothing at all, are means of several samples.
        """
        reach = halo(self.size) if self.wanted.ao_rays or "thickness" in self.maps else 1
        hits = self.tracer.look((max(0, first - reach), min(self.size, last + reach)))
        edges = np.empty(0, np.int64)
        if len(hits.texel):
            beside = max(0, first - 1), min(self.size, last + 1)
            close = hits[self._rows(hits, *beside)]
            samples = _Samples(close, self._look_up(close))
            own = samples[self._rows(close, first, last)]
            if self.wanted.supersampling:
                edges = self._edges(samples, beside)
                edges = edges[_between(edges, first * self.size, last * self.size)]
                own, edges = self._sharpened(own, edges, (first, last))
            self._write(own, hits)
        self.lost.append(hits.lost[_between(hits.lost, first * self.size, last * self.size)])
        counted = (hits.texel, hits.lost, hits.left_out, edges)
        return np.array([_between(texel, first * self.size, last * self.size).sum() for texel in counted])

    def _mark_gaps(self) -> None:
        """Call texels guessed that met no source along their normal, if they are more than a few: they have a rim's values, stretched.
        Those that found none at all show the mesh's own normal."""
        gaps = np.concatenate([np.empty(0, np.int64), *self.lost])
        if "guessed" not in self.wanted.maps or len(gaps) <= _GAPS * self.covered.sum():
            return
        self.maps.setdefault("guessed", np.zeros((self.size, self.size), np.uint8)).reshape(-1)[gaps] = 255
        void = gaps[~self.covered.reshape(-1)[gaps]]
        for name, flat in _FLAT.items():
            if name in self.maps:
                self.maps[name].reshape(-1, 3)[void] = flat

    def _rows(self, hits: TexelHits, first: int, last: int) -> slice:
        """Where the texels of rows first <= j < last stand among the hits."""
        return slice(*np.searchsorted(hits.texel, (first * self.size, last * self.size)).tolist())

    def _look_up(self, hits: TexelHits) -> dict[str, Float32[np.ndarray, "texels channels"]]:
        """What the source shows at each texel's place."""
        surface = self.look.at(hits.source, self.tracer.texel_metres[hits.low.triangle])
        values = {"base_color": surface.base_color, "orm": surface.orm, "normal": surface.normal}
        if surface.emissive is not None:
            values["emissive"] = surface.emissive
        if surface.guessed is not None:
            values["guessed"] = surface.guessed[:, None]
        if self.curvature is not None:
            values["curvature"] = hits.source.take(self.target.mesh, self.curvature)
        return values

    def _edges(self, centres: _Samples, rows: tuple[int, int]) -> Int64[np.ndarray, " edges"]:
        """Texels of these rows that differ from a neighbour, or of which only one of the two is covered, rising."""
        hits, values = centres.hits, centres.values
        number = np.full((rows[1] - rows[0], self.size), -1, np.int32)
        number.reshape(-1)[hits.texel - rows[0] * self.size] = np.arange(len(hits.texel), dtype=np.int32)
        points = hits.source.take(self.target.mesh, self.target.mesh.positions)
        edges = np.zeros(number.shape, bool)
        mark_jumps(number, values["normal"], values["base_color"], points, np.array([_TURN, _STEP, _GAP * self.texel], np.float32), edges)
        return np.flatnonzero(edges) + rows[0] * self.size

    def _sharpened(
        self, centres: _Samples, edges: Int64[np.ndarray, " edges"], rows: tuple[int, int]
    ) -> tuple[_Samples, Int64[np.ndarray, " finer"]]:
        """The samples with those of edges replaced by the mean of four, texels added that an island covers beside their centre only; and
        which texels these are."""
        hits = self.tracer.look_within(edges, _INSIDE, rows)
        if not len(hits.texel):
            return centres, hits.texel
        starts = np.flatnonzero(np.diff(hits.texel, prepend=-1))
        finer = _Samples(hits[starts], _means(self._look_up(hits), starts))
        return _merged(centres, finer), finer.hits.texel

    def _write(self, samples: _Samples, around: TexelHits) -> None:
        """Encode these texels into the maps; around are the texels, of more rows, that averages are taken over."""
        hits, values, maps = samples.hits, samples.values, self.maps
        at = hits.texel
        self.covered.reshape(-1)[at] = True
        if not len(at):
            return
        wrote = {"base_color": lambda: _color(values["base_color"]), "orm": lambda: self._orm(samples, around)}
        wrote |= {"emissive": lambda: linear_to_srgb(values["emissive"]), "guessed": lambda: _whole(values["guessed"], 8)}
        wrote |= {"normal": lambda: tangent_normals(self.mesh, hits.low, values["normal"])}
        wrote |= {"normal_16": lambda: tangent_normals(self.mesh, hits.low, values["normal"], bits=16)}
        wrote |= {"curvature": lambda: self._curvature(values["curvature"]), "position": lambda: self._position(hits)}
        wrote |= {"thickness": lambda: self._thickness(hits, around)}
        for name, texels in maps.items():
            whole_texels(texels)[at] = whole_texels(wrote[name]().reshape(1, len(at), -1))

    def _orm(self, samples: _Samples, around: TexelHits) -> UInt8[np.ndarray, "texels 3"]:
        orm = _whole(samples.values["orm"], 8)
        if self.wanted.ao_rays:
            free = openness(around, self.target, rays=self.wanted.ao_rays, texel_metres=self.texel, at=samples.hits)
            # The smaller of the source's own occlusion and the traced one: multiplied, creases would darken twice.
            orm[:, 0] = np.minimum(orm[:, 0], _whole(free, 8))
        return orm

    def _curvature(self, curvature: Float32[np.ndarray, "texels 1"]) -> UInt8[np.ndarray, "texels 1"] | UInt16[np.ndarray, "texels 1"]:
        """Half the range is flat, all of it convex."""
        share = curvature * np.float32(self.target.mesh.diagonal / SHARPEST)
        top = 2**self.wanted.bits
        return np.clip(np.round(share * (top // 2 - 1) + top // 2), 0, top - 1).astype(_kind(self.wanted.bits))

    def _thickness(self, hits: TexelHits, around: TexelHits) -> UInt8[np.ndarray, " texels"] | UInt16[np.ndarray, " texels"]:
        depth = thickness(around, self.target, rays=self.wanted.ao_rays or 4, texel_metres=self.texel, at=hits)
        return _whole(depth / np.float32(DEEPEST * self.target.mesh.diagonal), self.wanted.bits)

    def _position(self, hits: TexelHits) -> UInt16[np.ndarray, "texels 3"]:
        low, high = self.target.mesh.bounds
        share = (hits.source.take(self.target.mesh, self.target.mesh.positions) - low) / np.maximum(high - low, np.float32(1e-12))
        return _whole(share, 16)


def _between(texel: Int64[np.ndarray, " texels"], first: int, last: int) -> Bool[np.ndarray, " texels"]:
    """Which lie in first <= texel < last."""
    return (texel >= first) & (texel < last)


def _means(values: dict[str, Float32[np.ndarray, "n channels"]], starts: Int64[np.ndarray, " groups"]) -> dict[str, np.ndarray]:
    """Each group's mean; of normals its direction. A group is the rows from its start to the next."""
    counts = np.diff(starts, append=len(next(iter(values.values()))))[:, None].astype(np.float32)
    means = {name: np.add.reduceat(found, starts, axis=0) / counts for name, found in values.items()}
    return means | {"normal": unit_vectors(means["normal"])}


def _merged(centres: _Samples, finer: _Samples) -> _Samples:
    """One sample a texel: the finer one where there is one, at the centre's place on both meshes where that has one."""
    texel = centres.hits.texel
    place = np.searchsorted(texel, finer.hits.texel)
    known = np.append(texel, -1)[place] == finer.hits.texel
    new = finer[~known]
    values = {name: np.concatenate([found, new.values[name]]) for name, found in centres.values.items()}
    for name, found in values.items():
        found[place[known]] = finer.values[name][known]
    low, source = (_after(one, other) for one, other in ((centres.hits.low, new.hits.low), (centres.hits.source, new.hits.source)))
    return _Samples(replace(centres.hits, texel=np.concatenate([texel, new.hits.texel]), low=low, source=source), values)


def _after(one: SurfacePoints, other: SurfacePoints) -> SurfacePoints:
    """All points of one, then all of the other."""
    return SurfacePoints(triangle=np.concatenate([one.triangle, other.triangle]), bary=np.concatenate([one.bary, other.bary]))


def _channels(name: str) -> tuple[int, ...]:
    return (CHANNELS[name],) if name in CHANNELS else ()


def _kind(bits: int) -> type[np.unsignedinteger]:
    return np.uint8 if bits == 8 else np.uint16


def _whole(values: Float32[np.ndarray, "..."], bits: int) -> UInt8[np.ndarray, "..."] | UInt16[np.ndarray, "..."]:
    """Linear values, 0 to 1, as whole numbers."""
    return (np.clip(values, 0, 1) * np.float32(2**bits - 1) + np.float32(0.5)).astype(_kind(bits))


def _color(base: Float32[np.ndarray, "texels 4"]) -> UInt8[np.ndarray, "texels 4"]:
    """sRGB-encoded colour, linear alpha."""
    return np.concatenate([linear_to_srgb(base[:, :3]), _whole(base[:, 3:], 8)], axis=1)
