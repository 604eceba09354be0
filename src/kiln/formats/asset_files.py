"""An asset as the files of its package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kiln.asset import UNMADE, Asset, Material, Mesh
from kiln.formats.gltf_write import Part, encode_material, write_glb, write_gltf
from kiln.formats.obj_write import write_obj
from kiln.formats.package_layout import linked_materials, model_files, source_path, texture_pixels, without_maps
from kiln.formats.png import encode_pngs
from kiln.formats.stl_write import write_stl
from kiln.formats.usd import write_usd, write_usdz


def asset_files(asset: Asset, *, formats: Sequence[str] = (), source: bool = False) -> dict[str, bytes]:
    """Textures, and the GLBs of the game mesh, its LODs and its hulls, by their paths in the package.

    `formats` adds what `further_files` makes, `source` the dense source. The asset's name must be a safe one.
    """
    materials = game_materials(asset)
    textures = encode_pngs(texture_pixels(asset.name, materials))
    models = model_files(
        asset.name,
        mesh=game_mesh(asset),
        lods=asset.lods,
        bodies=asset.bodies,
        materials=materials,
        textures=textures,
        skeleton=asset.skeleton,
    )
    models |= further_files(asset, formats, textures)
    if source:
        models[source_path(asset.name)] = _source_file(asset)
    return textures | models


def game_mesh(asset: Asset) -> Mesh:
    """LOD0; of an asset that was never simplified the source itself."""
    return asset.source if asset.mesh is None else asset.mesh


def game_materials(asset: Asset) -> tuple[Material, ...]:
    """The materials of the game mesh: the baked one; without it the source's, if the mesh still refers to them.

    At least one: to a mesh without any, glTF's readers give rough metal, which shows vertex colours nearly black.
    """
    mesh = game_mesh(asset)
    materials = (asset.material,) if asset.material is not None else asset.source_materials
    if asset.material is None and mesh.material_ids is None:
        materials = materials[:1]
    materials = materials or (UNMADE,)
    return materials if mesh.uvs is not None else tuple(without_maps(material) for material in materials)


def further_files(asset: Asset, formats: Sequence[str], textures: Mapping[str, bytes]) -> dict[str, bytes]:
    """LOD0 in these formats, by path in the package, whose PNG files `textures` are; "glb" is always there and not made again."""
    files: dict[str, bytes] = {}
    for name in dict.fromkeys(formats):
        files |= _in_format(name, asset, game_materials(asset), textures)
    return files


def _in_format(format_name: str, asset: Asset, materials: tuple[Material, ...], textures: Mapping[str, bytes]) -> dict[str, bytes]:
    name, mesh = asset.name, game_mesh(asset)
    if format_name == "gltf":
        linked = linked_materials(name, materials)
        return write_gltf([Part(name=name, mesh=mesh)], linked, name=name, skeleton=asset.skeleton)
    if format_name == "obj":
        return write_obj(name, mesh, materials, textures)
    if format_name == "stl":
        return {f"{name}.stl": write_stl(name, mesh)}
    if format_name == "usd":
        return write_usd(name, mesh, materials, textures, skeleton=asset.skeleton)
    if format_name == "usdz":
        return {f"{name}.usdz": write_usdz(name, mesh, materials, textures, skeleton=asset.skeleton)}
    return {}


def _source_file(asset: Asset) -> bytes:
    plain = asset.source_materials if asset.source.uvs is not None else tuple(map(without_maps, asset.source_materials))
    part = Part(name=f"{asset.name}_source", mesh=asset.source)
    return write_glb([part], [encode_material(material) for material in plain])
