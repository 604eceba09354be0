"""A stand-in for Unreal's `unreal` module: knows names that Epic's Python API reference lists, and fails on others as the editor does.

Two flavours: "old" has what Unreal 4.27 and 5.0 have, "new" what 5.6 has. FBX files are read with ufbx, so LODs, hulls and slots are those
of the file. Sources: dev.epicgames.com, Unreal Python API, the pages of the classes named here.
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, Literal

import numpy as np

from engines.readers.fbx_file import read_fbx

Flavour = Literal["old", "new"]

_MESH_DATA = {
    *("convert_scene", "convert_scene_unit", "force_front_x_axis", "import_mesh_lo_ds", "normal_import_method", "normal_generation_method"),
    *("vertex_color_import_option", "reorder_material_to_fbx_order", "transform_vertex_to_absolute"),
}
_PROPERTIES: dict[str, set[str]] = {
    "AssetImportTask": {
        *("filename", "destination_path", "destination_name", "automated", "replace_existing", "replace_existing_settings", "save"),
        *("factory", "options", "imported_object_paths"),
    },
    "FbxFactory": set(),
    "FbxImportUI": {
        *("automated_import_should_detect_type", "mesh_type_to_import", "import_as_skeletal", "import_mesh", "import_materials"),
        *("import_textures", "import_animations", "create_physics_asset", "override_full_name", "auto_compute_lod_distances"),
        *("skeleton", "physics_asset", "static_mesh_import_data", "skeletal_mesh_import_data", *(f"lod_distance{i}" for i in range(8))),
    },
    "FbxStaticMeshImportData": {
        *_MESH_DATA,
        *("combine_meshes", "auto_generate_collision", "one_convex_hull_per_ucx", "generate_lightmap_u_vs", "build_nanite"),
    },
    "FbxSkeletalMeshImportData": _MESH_DATA,
    "Texture2D": {"compression_settings", "srgb", "lod_group", "flip_green_channel", "virtual_texture_streaming"},
    "Material": {
        *("two_sided", "blend_mode", "opacity_mask_clip_value", "translucency_lighting_mode"),
        *("used_with_skeletal_mesh", "used_with_nanite"),
    },
    "MaterialInstanceConstant": {"parent"},
    "MaterialFactoryNew": set(),
    "MaterialInstanceConstantFactoryNew": set(),
    "StaticMesh": {"static_materials", "light_map_coordinate_index", "nanite_settings"},
    "SkeletalMesh": {"materials", "lod_info", "nanite_settings", "physics_asset"},
    "Skeleton": set(),
    "PhysicsAsset": set(),
    "StaticMaterial": {"material_interface", "material_slot_name", "imported_material_slot_name"},
    "SkeletalMaterial": {"material_interface", "material_slot_name", "imported_material_slot_name"},
    "SkeletalMeshLODInfo": {"screen_size"},
    "PerPlatformFloat": {"default"},
    "MeshNaniteSettings": {"enabled"},
    "InterchangeGenericAssetsPipeline": {"asset_name", "common_meshes_properties", "mesh_pipeline", "material_pipeline"},
    "InterchangeGenericCommonMeshesProperties": {"import_lods", "bake_meshes", "recompute_normals", "recompute_tangents"},
    "InterchangeGenericMeshPipeline": {"combine_static_meshes", "collision", "one_convex_hull_per_ucx", "build_nanite"},
    "InterchangeGenericMaterialPipeline": {"import_materials", "texture_pipeline"},
    "InterchangeGenericTexturePipeline": {"import_textures"},
    "InterchangePipelineStackOverride": {"override_pipelines"},
    "MaterialExpressionTextureSampleParameter2D": {"parameter_name", "texture", "sampler_type"},
    "MaterialExpressionVectorParameter": {"parameter_name", "default_value"},
    "MaterialExpressionScalarParameter": {"parameter_name", "default_value"},
    "MaterialExpressionMultiply": set(),
    "MaterialExpressionVertexColor": set(),
    "MaterialExpressionPower": {"const_exponent"},
    "MaterialExpressionLinearInterpolate": {"const_a"},
}
_ENUMS = {
    "TextureCompressionSettings": ("TC_DEFAULT", "TC_NORMALMAP", "TC_MASKS"),
    "TextureGroup": ("TEXTUREGROUP_WORLD", "TEXTUREGROUP_WORLD_NORMAL_MAP"),
    "FBXImportType": ("FBXIT_STATIC_MESH", "FBXIT_SKELETAL_MESH"),
    "FBXNormalImportMethod": ("FBXNIM_COMPUTE_NORMALS", "FBXNIM_IMPORT_NORMALS", "FBXNIM_IMPORT_NORMALS_AND_TANGENTS"),
    "FBXNormalGenerationMethod": ("BUILT_IN", "MIKK_T_SPACE"),
    "VertexColorImportOption": ("IGNORE", "OVERRIDE", "REPLACE"),
    "MaterialSamplerType": ("SAMPLERTYPE_COLOR", "SAMPLERTYPE_NORMAL", "SAMPLERTYPE_MASKS"),
    "MaterialProperty": (
        *("MP_BASE_COLOR", "MP_NORMAL", "MP_AMBIENT_OCCLUSION", "MP_ROUGHNESS", "MP_METALLIC", "MP_EMISSIVE_COLOR"),
        *("MP_OPACITY", "MP_OPACITY_MASK"),
    ),
    "BlendMode": ("BLEND_OPAQUE", "BLEND_MASKED", "BLEND_TRANSLUCENT"),
    "TranslucencyLightingMode": ("TLM_SURFACE_PER_PIXEL_LIGHTING",),
}
_PINS = {"Multiply": "A B", "Power": "Base Exp", "LinearInterpolate": "A B Alpha"}
_OUTPUTS = {"TextureSampleParameter2D": ["RGB", "R", "G", "B", "A", "RGBA"]}
_SAMPLERS = {"TC_DEFAULT": "SAMPLERTYPE_COLOR", "TC_NORMALMAP": "SAMPLERTYPE_NORMAL", "TC_MASKS": "SAMPLERTYPE_MASKS"}


class EditorError(Exception):
    """What the editor raises for a property that it does not know."""


class Thing:
    """An object with the properties that its class is documented to have."""

    known: frozenset[str] = frozenset()

    def __init__(self, **values: Any) -> None:
        self.values, self.path = values, ""

    def set_editor_property(self, name: str, value: Any) -> None:
        if name not in self.known:
            raise EditorError(f"{type(self).__name__}: Failed to find property '{name}' for attribute '{name}'")
        if value is None:
            raise TypeError(f"{type(self).__name__}: Cannot nativize 'NoneType' as '{name}'")
        self.values[name] = value

    def get_editor_property(self, name: str) -> Any:
        if name not in self.known:
            raise EditorError(f"{type(self).__name__}: Failed to find property '{name}' for attribute '{name}'")
        return self.values.get(name)

    def get_path_name(self) -> str:
        return f"{self.path}.{self.path.rsplit('/', 1)[-1]}"


class FakeUnreal(ModuleType):
    """The module, and what the script did to it."""

    def __init__(self, flavour: Flavour = "new") -> None:
        super().__init__("unreal")
        self.flavour = flavour
        self.assets: dict[str, Thing] = {}
        self.saved: list[str] = []
        self.logged: list[str] = []
        self.warned: list[str] = []
        self.commands: list[str] = []
        self.imports: list[dict[str, Any]] = []
        self.joined: list[tuple[Thing, str, Any, str]] = []
        self.parameters: dict[tuple[str, str], Any] = {}
        self.broken: set[str] = set()
        """File suffixes whose import brings nothing."""
        self.intermediate = ""
        for name, known in _PROPERTIES.items():
            setattr(self, name, type(name, (Thing,), {"known": frozenset(known)}))
        for name, members in _ENUMS.items():
            setattr(self, name, SimpleNamespace(**{member: f"{name}.{member}" for member in members}))
        self._add_functions()
        self._fill_classes()
        self._shape_flavour()

    def _add_functions(self) -> None:
        self.log, self.log_warning = self.logged.append, self.warned.append
        self.LinearColor = lambda r, g, b, a: (r, g, b, a)
        self.Paths = SimpleNamespace(
            project_intermediate_dir=lambda: self.intermediate, convert_relative_path_to_full=lambda path: str(Path(path).resolve())
        )
        self.SystemLibrary = SimpleNamespace(
            get_console_variable_int_value=lambda name: int(self.flavour == "new"),
            execute_console_command=lambda world, command: self.commands.append(command),
        )
        tools = SimpleNamespace(import_asset_tasks=self._import, create_asset=self._create)
        self.AssetToolsHelpers = SimpleNamespace(get_asset_tools=lambda: tools)
        self.EditorAssetLibrary = SimpleNamespace(
            load_asset=self.assets.get,
            does_asset_exist=self.assets.__contains__,
            rename_asset=self._rename,
            delete_asset=lambda path: self.assets.pop(path) is not None,
            save_directory=lambda folder, only_if_is_dirty, recursive: self.saved.append(folder),
            sync_browser_to_objects=lambda paths: None,
        )
        self.MaterialEditingLibrary = SimpleNamespace(
            create_material_expression=lambda material, kind, x, y: kind(),
            connect_material_expressions=self._join,
            connect_material_property=self._end,
            recompile_material=lambda material: None,
            update_material_instance=lambda instance: None,
            set_material_instance_parent=lambda instance, parent: instance.set_editor_property("parent", parent),
            # These return False even when they succeed, as the editor's do.
            set_material_instance_texture_parameter_value=self._set_texture,
            set_material_instance_scalar_parameter_value=self._set_parameter,
            set_material_instance_vector_parameter_value=self._set_parameter,
        )
        self._subsystem = SimpleNamespace(
            set_lod_screen_sizes=lambda mesh, sizes: setattr(mesh, "screen_sizes", list(sizes)) or True,
            get_lod_count=lambda mesh: mesh.lods,
            get_simple_collision_count=lambda mesh: mesh.primitives,
            get_convex_collision_count=lambda mesh: mesh.hulls,
            set_nanite_settings=lambda mesh, settings, apply_changes: mesh.set_editor_property("nanite_settings", settings),
        )

    def _fill_classes(self) -> None:
        def data(ui: Thing, **values: Any) -> None:
            made = {
                "static_mesh_import_data": self.FbxStaticMeshImportData(),
                "skeletal_mesh_import_data": self.FbxSkeletalMeshImportData(),
            }
            Thing.__init__(ui, **made)

        def pipeline(made: Thing) -> None:
            materials = self.InterchangeGenericMaterialPipeline(texture_pipeline=self.InterchangeGenericTexturePipeline())
            shared, meshes = self.InterchangeGenericCommonMeshesProperties(), self.InterchangeGenericMeshPipeline()
            Thing.__init__(made, common_meshes_properties=shared, mesh_pipeline=meshes, material_pipeline=materials)

        self.FbxImportUI.__init__ = data
        self.InterchangeGenericAssetsPipeline.__init__ = pipeline
        self.InterchangePipelineStackOverride.add_pipeline = lambda stack, made: stack.values.update(pipeline=made)
        self.StaticMesh.set_material = lambda mesh, index, material: mesh.values["static_materials"][index].set_editor_property(
            "material_interface", material
        )
        self.StaticMesh.get_bounding_box = lambda mesh: mesh.box

    def _shape_flavour(self) -> None:
        if self.flavour == "new":
            self.StaticMeshEditorSubsystem = object
            self.EditorAssetSubsystem = object
            self.get_editor_subsystem = lambda kind: self._subsystem
            for name in ("FbxStaticMeshImportData", "FbxSkeletalMeshImportData"):
                known = getattr(self, name).known
                getattr(self, name).known = (known - {"import_mesh_lo_ds"}) | {"import_mesh_lods"}
            return
        self.EditorStaticMeshLibrary = self._subsystem
        del self._subsystem.set_lod_screen_sizes, self._subsystem.set_nanite_settings, self.MeshNaniteSettings
        for name, gone in (
            ("FbxStaticMeshImportData", "build_nanite"),
            ("StaticMesh", "nanite_settings"),
            ("Material", "used_with_nanite"),
        ):
            getattr(self, name).known -= {gone}

    def _put(self, path: str, asset: Thing) -> Thing:
        asset.path = path
        self.assets[path] = asset
        return asset

    def _create(self, name: str, folder: str, kind: type[Thing], factory: Thing) -> Thing:
        assert f"{folder}/{name}" not in self.assets, "the editor asks whether to overwrite"
        return self._put(f"{folder}/{name}", kind(used_with_skeletal_mesh=False, used_with_nanite=False))

    def _rename(self, old: str, new: str) -> bool:
        self._put(new, self.assets.pop(old))
        return True

    def _import(self, tasks: list[Thing]) -> None:
        for task in tasks:
            self.imports.append(task.values)
            path = Path(task.values["filename"])
            assert path.is_file() and task.values["automated"]
            name = f"{task.values['destination_path']}/{task.values['destination_name']}"
            task.values["imported_object_paths"] = []
            if path.suffix in self.broken:
                continue
            made = [self._put(name, self.Texture2D())] if path.suffix == ".png" else self._meshes(path, name, task.values["options"])
            task.values["imported_object_paths"] = [asset.get_path_name() for asset in made]

    def _meshes(self, path: Path, name: str, options: Thing) -> list[Thing]:
        fbx = read_fbx(path)
        bodies = [node for node in fbx.meshes if node[:4] in ("UCX_", "UBX_", "USP_", "UCP_")]
        shown = [node for node in fbx.meshes if node not in bodies]
        skeletal = options.values.get("import_as_skeletal", False)
        slot = self.SkeletalMaterial if skeletal else self.StaticMaterial
        slots = [slot(material_slot_name=material, imported_material_slot_name=material) for material in fbx.materials]
        settings = self.MeshNaniteSettings() if hasattr(self, "MeshNaniteSettings") else None
        if skeletal:
            levels = [self.SkeletalMeshLODInfo(screen_size=self.PerPlatformFloat()) for _ in shown]
            mesh = self.SkeletalMesh(materials=slots, lod_info=levels, nanite_settings=settings)
            more = [] if "skeleton" in options.values else [self._put(f"{name}_Skeleton", self.Skeleton())]
            if options.values["create_physics_asset"]:
                more.append(self._put(f"{name}_PhysicsAsset", self.PhysicsAsset()))
            return [*more, self._put(name, mesh)]
        mesh = self.StaticMesh(static_materials=slots, nanite_settings=settings)
        mesh.lods, mesh.hulls = len(shown), sum(node.startswith("UCX_") for node in bodies)
        mesh.primitives = len(bodies) - mesh.hulls
        corners = fbx.meshes[shown[0]].positions.reshape(-1, 3)[:, [0, 2, 1]] * 100
        mesh.box = SimpleNamespace(min=_vector(corners.min(axis=0)), max=_vector(corners.max(axis=0)))
        return [self._put(name, mesh)]

    def _join(self, source: Thing, output: str, target: Thing, pin: str) -> bool:
        kind = type(target).__name__.removeprefix("MaterialExpression")
        self.joined.append((source, output, target, pin))
        return self._has_output(source, output) and pin in _PINS.get(kind, "").split()

    def _end(self, source: Thing, output: str, end: str) -> bool:
        self.joined.append((source, output, end, ""))
        return self._has_output(source, output)

    @staticmethod
    def _has_output(node: Thing, output: str) -> bool:
        return output == "" or output in _OUTPUTS.get(type(node).__name__.removeprefix("MaterialExpression"), [])

    def _set_texture(self, instance: Thing, name: str, texture: Thing) -> bool:
        sampler = next(
            node.values for node, *_ in self.joined if node.values.get("parameter_name") == name and "sampler_type" in node.values
        )
        compression = texture.values["compression_settings"].split(".")[1]
        assert sampler["sampler_type"].endswith(_SAMPLERS[compression]), "the sampler does not fit the texture: the shader does not compile"
        return self._set_parameter(instance, name, texture)

    def _set_parameter(self, instance: Thing, name: str, value: Any) -> bool:
        known = {node.values.get("parameter_name") for node, *_ in self.joined} | {
            target.values.get("parameter_name") for _, _, target, _ in self.joined if isinstance(target, Thing)
        }
        assert name in known, f"the master has no parameter {name}"
        self.parameters[instance.path, name] = value
        return False


def _vector(values: np.ndarray) -> SimpleNamespace:
    return SimpleNamespace(x=float(values[0]), y=float(values[1]), z=float(values[2]))
