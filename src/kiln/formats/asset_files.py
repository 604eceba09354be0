"""An asset as the files of its package."""

from __future__ import annotations

from kiln.asset import Asset, Material, Mesh
from kiln.formats.gltf_write import Part, encode_material, write_glb
from kiln.formats.package_layout import model_files, source_path, texture_pixels, without_maps
from kiln.formats.png import encode_pngs


def asset_files(asset: Asset, *, gltf: bool = False, source: bool = False) -> dict[str, bytes]:
    """Textures, and the GLBs of the game mesh, its LODs and its hulls, by their paths in the package.

    With `gltf` the game mesh also as .gltf, with `source` the dense source as well. The asset's name must be a safe one.
    """
    materials = game_materials(asset)
    textures = encode_pngs(texture_pixels(asset.name, materials))
    models = model_files(
        asset.name,
        mesh=game_mesh(asset),
        lods=asset.lods,
        hulls=asset.hulls,
        fits=asset.fits,
        materials=materials,
        textures=textures,
        gltf=gltf,
    )
    if source:
        models[source_path(asset.name)] = _source_file(asset)
    return textures | models


def game_mesh(asset: Asset) -> Mesh:
    """LOD0; of an asset that was never simplified the source itself."""
    return asset.source if asset.mesh is None else asset.mesh


def game_materials(asset: Asset) -> tuple[Material, ...]:
    """The materials of the game mesh: the baked one; without it the source's, if the mesh still refers to them."""
    mesh = game_mesh(asset)
    materials = (asset.material,) if asset.material is not None else asset.source_materials
    if asset.material is None and mesh.material_ids is None:
        materials = materials[:1]
    return materials if mesh.uvs is not None else tuple(without_maps(material) for material in materials)


def _source_file(asset: Asset) -> bytes:
    plain = asset.source_materials if asset.source.uvs is not None else tuple(map(without_maps, asset.source_materials))
    part = Part(name=f"{asset.name}_source", mesh=asset.source)
    return write_glb([part], [encode_material(material) for material in plain])
