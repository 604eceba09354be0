# Run by `godot --headless -s`: opens every GLB and scene of the project and prints what it holds as one line of JSON.
extends SceneTree


func _initialize() -> void:
	var found := {}
	for path in _models("res://"):
		var scene: Node = (load(path) as PackedScene).instantiate()
		var nodes := []
		_walk(scene, scene, nodes)
		found[path.trim_prefix("res://")] = nodes
		scene.free()
	print("DUMP " + JSON.stringify(found))
	quit()


func _models(folder: String) -> Array:
	var paths := []
	for file in DirAccess.get_files_at(folder):
		if file.get_extension() in ["glb", "gltf", "tscn", "scn"]:
			paths.append(folder.path_join(file))
	for name in DirAccess.get_directories_at(folder):
		paths.append_array(_models(folder.path_join(name)))
	return paths


func _walk(node: Node, scene: Node, nodes: Array) -> void:
	var row := {"name": node.name, "class": node.get_class(), "parent": "" if node == scene else String(node.get_parent().name)}
	if node is MeshInstance3D and node.mesh != null:
		row["mesh"] = _mesh(node)
	if node is CollisionShape3D:
		row["shape"] = node.shape.get_class()
		if node.shape is ConvexPolygonShape3D:
			row["points"] = node.shape.points.size()
	if node is Skeleton3D:
		row["bones"] = range(node.get_bone_count()).map(func(bone): return node.get_bone_name(bone))
	nodes.append(row)
	for child in node.get_children():
		_walk(child, scene, nodes)


func _mesh(node: MeshInstance3D) -> Dictionary:
	var to_root := node.transform
	var above := node.get_parent()
	while above is Node3D:
		to_root = above.transform * to_root
		above = above.get_parent()
	var box := to_root * node.get_aabb()
	var surfaces := []
	for surface in node.mesh.get_surface_count():
		var arrays := node.mesh.surface_get_arrays(surface)
		surfaces.append({
			"triangles": arrays[Mesh.ARRAY_INDEX].size() / 3,
			"tangents": arrays[Mesh.ARRAY_TANGENT] != null,
			"uv2": arrays[Mesh.ARRAY_TEX_UV2] != null,
			"weights": arrays[Mesh.ARRAY_WEIGHTS] != null,
			"material": _material(node.get_active_material(surface)),
		})
	return {"low": _list(box.position), "high": _list(box.end), "surfaces": surfaces, "visible": node.visible}


func _material(material: Material) -> Dictionary:
	if not material is BaseMaterial3D:
		return {"class": "none" if material == null else material.get_class()}
	return {
		"class": material.get_class(),
		"albedo": _texture(material.albedo_texture),
		"normal": _texture(material.normal_texture) if material.normal_enabled else null,
		"metallic": _texture(material.metallic_texture),
		"metallic_channel": material.metallic_texture_channel,
		"roughness": _texture(material.roughness_texture),
		"roughness_channel": material.roughness_texture_channel,
		"ao": _texture(material.ao_texture) if material.ao_enabled else null,
		"ao_channel": material.ao_texture_channel,
		"emission": _texture(material.emission_texture) if material.emission_enabled else null,
		"metallic_factor": material.metallic,
		"roughness_factor": material.roughness,
	}


func _texture(texture: Texture2D) -> Variant:
	return null if texture == null else [texture.get_width(), texture.get_height()]


func _list(v: Vector3) -> Array:
	return [v.x, v.y, v.z]
