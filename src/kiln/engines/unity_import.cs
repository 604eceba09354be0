// Made by Kiln for __ASSET__. Sets up the files in the folder above this one when Unity imports them, and no others: texture flags, the
// material for the active render pipeline, and __ASSET__.prefab with LODs and colliders, which is what to put into scenes.
// All is made once and yours then: what you change or add stays. A later export brings the prefab new LOD heights, unless you changed them,
// and new colliders in place of its old ones. Delete a .meta, .mat or .prefab and import again to have it anew.
#if UNITY_EDITOR
using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using UnityEditor;
using UnityEditor.SceneManagement;
using UnityEngine;
using UnityEngine.Rendering;

namespace Kiln.Imported
{
    // Of Unity's callbacks only these two: a new class with OnPreprocessTexture, OnPostprocessModel or the like makes Unity import every
    // texture or model of the project again (AssetPostprocessor.cs, StaticDependency).
    internal sealed class KilnImport___ASSET__ : AssetPostprocessor
    {
        private const string Asset = "__ASSET__";
        private const string Hulls = "__ASSET___Collision.fbx";
        private const string Stamp = "[Kiln 1]";

        // The note in the prefab's .meta: a digest of heights and colliders, the heights, and the colliders' nodes.
        private const string Made = "__MADE__";
        private static readonly Regex Note = new Regex(@"\[Kiln prefab \w+\|(?<heights>[^|]*)\|(?<bodies>[^\]]*)\]");

        // Not const: the compiler would warn of code that is never reached.
        private static readonly bool Skinned = __SKINNED__;
        private static readonly bool HasTangents = __TANGENTS__;
        private static readonly bool HasLightmapUVs = __LIGHTMAP_UVS__;
        private static readonly int Influences = __INFLUENCES__;
        private static readonly int LargestTexture = __LARGEST_TEXTURE__;

        // Shares of the screen's height below which the next LOD takes over; the last is never culled.
        private static readonly float[] LodHeights = { __LOD_HEIGHTS__ };

        private static readonly Surface[] Surfaces =
        {
            __SURFACES__
        };

        private static readonly Body[] Bodies =
        {
            __BODIES__
        };

        // A material: its textures' files ("" where it has none) and its factors.
        private sealed class Surface
        {
            public string Name = "", BaseColor = "", Normal = "", MaskMap = "", Emission = "", Alpha = "OPAQUE";
            public Color Tint = Color.white, Glow = Color.black;
            public float Metallic = 0f, Smoothness = 0f;
            public bool DoubleSided = false;
        }

        // A collider, in Unity's frame.
        private sealed class Body
        {
            public string Node = "", Shape = "hull";
            public Vector3 Center = Vector3.zero, Size = Vector3.one;
            public Quaternion Rotation = Quaternion.identity;
        }

        private void OnPreprocessAsset()
        {
            if (IsOwn(assetPath)) Configure(assetImporter);
        }

        // Assets may only be made when importing is over.
        private static void OnPostprocessAllAssets(string[] imported, string[] deleted, string[] moved, string[] movedFrom)
        {
            foreach (var folder in imported.Where(IsOwn).Select(Folder).Distinct()) Finish(folder);
        }

        // Unity compiles scripts before it imports the rest, unless the project's scripts had errors then: so look again. And a later export
        // may differ in nothing but this script.
        [InitializeOnLoadMethod]
        private static void CatchUp()
        {
            EditorApplication.delayCall += () =>
            {
                var scripts = AssetDatabase.FindAssets("KilnImport_" + Asset + " t:MonoScript").Select(AssetDatabase.GUIDToAssetPath);
                var folders = scripts.Select(script => Folder(Folder(script))).ToArray();
                foreach (var file in folders.SelectMany(folder => Files().Select(file => folder + "/" + file)))
                {
                    var importer = IsOwn(file) ? AssetImporter.GetAtPath(file) : null;
                    if (importer != null && Configure(importer)) importer.SaveAndReimport();
                }
                foreach (var folder in folders) Finish(folder);
            };
        }

        private static void Finish(string folder)
        {
            var model = AssetImporter.GetAtPath(folder + "/" + Asset + ".fbx") as ModelImporter;
            if (model == null) return;
            if (AssignMaterials(model, folder)) model.SaveAndReimport();
            SetUpPrefab(folder);
        }

        private static string Folder(string path)
        {
            return Path.GetDirectoryName(path).Replace('\\', '/');
        }

        private static IEnumerable<string> Files()
        {
            var textures = Surfaces.SelectMany(s => new[] { s.BaseColor, s.Normal, s.MaskMap, s.Emission });
            return textures.Where(file => file != "").Concat(new[] { Asset + ".fbx", Hulls });
        }

        // This package's file, beside the Editor folder that holds this very script.
        private static bool IsOwn(string path)
        {
            return Files().Contains(Path.GetFileName(path)) && File.Exists(Folder(path) + "/Editor/KilnImport_" + Asset + ".cs");
        }

        // Whether there was anything to do.
        private static bool Configure(AssetImporter importer)
        {
            if (importer.userData.Contains(Stamp)) return false;
            importer.userData += Stamp;
            var file = Path.GetFileName(importer.assetPath);
            if (importer is TextureImporter) SetFlags((TextureImporter)importer, file);
            if (importer is ModelImporter) SetFlags((ModelImporter)importer, file == Hulls);
            return true;
        }

        private static void SetFlags(TextureImporter importer, string file)
        {
            var isNormal = Surfaces.Any(s => s.Normal == file);
            importer.textureType = isNormal ? TextureImporterType.NormalMap : TextureImporterType.Default;
            importer.sRGBTexture = !isNormal && Surfaces.All(s => s.MaskMap != file);
            importer.alphaIsTransparency = Surfaces.Any(s => s.BaseColor == file && s.Alpha != "OPAQUE");
            importer.maxTextureSize = Math.Max(importer.maxTextureSize, LargestTexture);
        }

        private static void SetFlags(ModelImporter importer, bool isHulls)
        {
            importer.globalScale = 1f;
            importer.useFileScale = true;
            importer.bakeAxisConversion = false;
            importer.preserveHierarchy = true;
            importer.importCameras = false;
            importer.importLights = false;
            importer.importAnimation = false;
            importer.isReadable = false;
            importer.importNormals = ModelImporterNormals.Import;
            importer.importTangents = HasTangents && !isHulls ? ModelImporterTangents.Import : ModelImporterTangents.None;
            if (HasLightmapUVs || isHulls) importer.generateSecondaryUV = false;
            importer.animationType = Skinned && !isHulls ? ModelImporterAnimationType.Generic : ModelImporterAnimationType.None;
            if (Skinned && Influences > 4)
            {
                importer.skinWeights = ModelImporterSkinWeights.Custom;
                importer.maxBonesPerVertex = Influences;
            }
            importer.materialImportMode =
                isHulls ? ModelImporterMaterialImportMode.None : ModelImporterMaterialImportMode.ImportViaMaterialDescription;
            importer.materialLocation = ModelImporterMaterialLocation.InPrefab;
        }

        // A variant of the model, which changes with it. A later export lays its LOD heights and colliders over those of the one before;
        // what else is in the prefab is somebody's own work, and so is a prefab without the note in its .meta.
        private static void SetUpPrefab(string folder)
        {
            var path = folder + "/" + Asset + ".prefab";
            var present = AssetImporter.GetAtPath(path);
            var before = Note.Match(present == null ? "" : present.userData);
            if (present != null && (!before.Success || before.Value == Made)) return;
            var model = AssetDatabase.LoadAssetAtPath<GameObject>(folder + "/" + Asset + ".fbx");
            var hulls = AssetDatabase.LoadAssetAtPath<GameObject>(folder + "/" + Hulls);
            if (model == null || (hulls == null && Bodies.Any(body => body.Shape == "hull"))) return;
            if (present == null) MakeVariant(path, model);
            Update(path, hulls, before);
            var importer = AssetImporter.GetAtPath(path);
            importer.userData = Note.Replace(importer.userData, "") + Made;
            importer.SaveAndReimport();
        }

        private static void MakeVariant(string path, GameObject model)
        {
            var scene = EditorSceneManager.NewPreviewScene();
            try
            {
                PrefabUtility.SaveAsPrefabAsset((GameObject)PrefabUtility.InstantiatePrefab(model, scene), path);
            }
            finally
            {
                EditorSceneManager.ClosePreviewScene(scene);
            }
        }

        private static void Update(string path, GameObject hulls, Match before)
        {
            var prefab = PrefabUtility.LoadPrefabContents(path);
            try
            {
                SetLods(prefab, Words(before.Groups["heights"].Value));
                SetColliders(prefab, hulls, Words(before.Groups["bodies"].Value));
                PrefabUtility.SaveAsPrefabAsset(prefab, path);
            }
            finally
            {
                PrefabUtility.UnloadPrefabContents(prefab);
            }
        }

        private static string[] Words(string text)
        {
            return text.Split(new[] { ' ' }, StringSplitOptions.RemoveEmptyEntries);
        }

        // Heights that differ from those set before are somebody's choice, as long as there are as many LODs.
        private static void SetLods(GameObject prefab, string[] before)
        {
            if (LodHeights.Length < 2) return;
            var group = prefab.GetComponentInChildren<LODGroup>(true);
            if (group == null) group = prefab.AddComponent<LODGroup>();
            var heights = group.GetLODs().Select(lod => lod.screenRelativeTransitionHeight).ToArray();
            if (heights.Length == LodHeights.Length && before.Length == heights.Length && !heights.Zip(before, IsSame).All(same => same)) return;
            var renderers = prefab.GetComponentsInChildren<Renderer>(true);
            group.SetLODs(LodHeights.Select((height, level) =>
                new LOD(height, renderers.Where(r => r.name == Asset + "_LOD" + level).ToArray())).ToArray());
            group.RecalculateBounds();
        }

        private static bool IsSame(float height, string written)
        {
            return Math.Abs(height - float.Parse(written, CultureInfo.InvariantCulture)) < 1e-5f;
        }

        private static void SetColliders(GameObject prefab, GameObject hulls, string[] before)
        {
            foreach (var gone in before.Except(Bodies.Select(body => body.Node))) RemoveCollider(prefab.transform.Find(gone));
            foreach (var body in Bodies)
            {
                var node = prefab.transform.Find(body.Node);
                // Somebody deleted the one, or made one of the same name.
                if ((node != null) != before.Contains(body.Node)) continue;
                if (node == null) node = new GameObject(body.Node).transform;
                if (node.parent == null) node.SetParent(prefab.transform, false);
                node.localPosition = body.Center;
                node.localRotation = body.Rotation;
                SetShape(node.gameObject, body, hulls);
            }
        }

        private static void RemoveCollider(Transform node)
        {
            var present = node == null ? null : node.GetComponent<Collider>();
            if (present == null) return;
            UnityEngine.Object.DestroyImmediate(present);
            if (node.childCount == 0 && node.GetComponents<Component>().Length == 1) UnityEngine.Object.DestroyImmediate(node.gameObject);
        }

        private static void SetShape(GameObject node, Body body, GameObject hulls)
        {
            if (body.Shape == "hull")
            {
                var hull = ColliderOf<MeshCollider>(node);
                hull.sharedMesh = hulls.GetComponentsInChildren<MeshFilter>(true).Select(f => f.sharedMesh).First(m => m.name == body.Node);
                hull.convex = true;
            }
            else if (body.Shape == "box")
            {
                ColliderOf<BoxCollider>(node).size = body.Size;
            }
            else if (body.Shape == "sphere")
            {
                ColliderOf<SphereCollider>(node).radius = body.Size.x / 2;
            }
            else if (body.Shape == "capsule")
            {
                var capsule = ColliderOf<CapsuleCollider>(node);
                capsule.direction = 1;
                capsule.radius = body.Size.x / 2;
                capsule.height = body.Size.y;
            }
        }

        // The collider that is there, with whatever was set on it; one of another shape gives way.
        private static T ColliderOf<T>(GameObject node) where T : Collider
        {
            var present = node.GetComponent<Collider>();
            if (present is T) return (T)present;
            if (present != null) UnityEngine.Object.DestroyImmediate(present);
            return node.AddComponent<T>();
        }

        // Whether there was anything to do.
        private static bool AssignMaterials(ModelImporter importer, string folder)
        {
            var assigned = importer.GetExternalObjectMap();
            var changed = false;
            foreach (var surface in Surfaces)
            {
                var slot = new AssetImporter.SourceAssetIdentifier(typeof(Material), surface.Name);
                UnityEngine.Object present;
                if (assigned.TryGetValue(slot, out present) && present != null) continue;
                importer.AddRemap(slot, FindOrMakeMaterial(surface, folder));
                changed = true;
            }
            return changed;
        }

        private static Material FindOrMakeMaterial(Surface surface, string folder)
        {
            var path = folder + "/" + surface.Name + ".mat";
            var material = AssetDatabase.LoadAssetAtPath<Material>(path);
            if (material != null) return material;
            // The active pipeline's own: HDRP/Lit, Universal Render Pipeline/Lit, or the built-in Standard.
            var pipeline = GraphicsSettings.currentRenderPipeline;
            material = new Material(pipeline == null ? Shader.Find("Standard") : pipeline.defaultShader);
            SetColors(material, surface, folder);
            SetMaps(material, surface, folder);
            SetOptions(material, surface);
            Validate(material);
            AssetDatabase.CreateAsset(material, path);
            return material;
        }

        // Names of one property in HDRP, URP and the built-in pipeline: the first that the shader has is set.
        private static void SetColors(Material material, Surface surface, string folder)
        {
            SetColor(material, surface.Tint, "_BaseColor", "_Color");
            SetTexture(material, folder, surface.BaseColor, "_BaseColorMap", "_BaseMap", "_MainTex");
            if (surface.Glow.maxColorComponent <= 0f) return;
            SetColor(material, surface.Glow, "_EmissiveColor", "_EmissionColor");
            material.EnableKeyword("_EMISSION");
            material.globalIlluminationFlags = MaterialGlobalIlluminationFlags.BakedEmissive;
            if (SetTexture(material, folder, surface.Emission, "_EmissiveColorMap", "_EmissionMap")) material.EnableKeyword("_EMISSIVE_COLOR_MAP");
        }

        private static void SetMaps(Material material, Surface surface, string folder)
        {
            if (SetTexture(material, folder, surface.Normal, "_NormalMap", "_BumpMap"))
            {
                material.EnableKeyword("_NORMALMAP");
                material.EnableKeyword("_NORMALMAP_TANGENT_SPACE");
            }
            // With a map these two are not used, or, in URP and Standard, multiply its smoothness.
            SetFloat(material, surface.MaskMap == "" ? surface.Metallic : 1f, "_Metallic");
            SetFloat(material, surface.MaskMap == "" ? surface.Smoothness : 1f, "_Smoothness", "_Glossiness");
            SetFloat(material, 1f, "_GlossMapScale");
            if (!SetTexture(material, folder, surface.MaskMap, "_MaskMap", "_MetallicGlossMap")) return;
            material.EnableKeyword("_MASKMAP");
            material.EnableKeyword("_METALLICSPECGLOSSMAP");
            material.EnableKeyword("_METALLICGLOSSMAP");
            if (SetTexture(material, folder, surface.MaskMap, "_OcclusionMap")) material.EnableKeyword("_OCCLUSIONMAP");
        }

        private static void SetOptions(Material material, Surface surface)
        {
            if (surface.DoubleSided)
            {
                SetFloat(material, 1f, "_DoubleSidedEnable");
                SetFloat(material, 0f, "_Cull");
                material.EnableKeyword("_DOUBLESIDED_ON");
                material.doubleSidedGI = true;
            }
            if (surface.Alpha == "MASK") SetCutout(material);
            if (surface.Alpha == "BLEND") SetTransparent(material);
        }

        private static void SetCutout(Material material)
        {
            SetFloat(material, 1f, "_AlphaCutoffEnable", "_AlphaClip", "_Mode");
            SetFloat(material, 0.5f, "_AlphaCutoff", "_Cutoff");
            material.EnableKeyword("_ALPHATEST_ON");
            material.SetOverrideTag("RenderType", "TransparentCutout");
            material.renderQueue = (int)RenderQueue.AlphaTest;
        }

        private static void SetTransparent(Material material)
        {
            SetFloat(material, 1f, "_SurfaceType", "_Surface");
            SetFloat(material, 2f, "_Mode");
            SetFloat(material, (float)BlendMode.SrcAlpha, "_SrcBlend");
            SetFloat(material, (float)BlendMode.OneMinusSrcAlpha, "_DstBlend");
            SetFloat(material, 0f, "_ZWrite");
            material.EnableKeyword("_SURFACE_TYPE_TRANSPARENT");
            material.EnableKeyword("_ALPHABLEND_ON");
            material.SetOverrideTag("RenderType", "Transparent");
            material.renderQueue = (int)RenderQueue.Transparent;
        }

        // HDRP derives passes and keywords from properties; its assembly is not there in projects without it.
        private static void Validate(Material material)
        {
            var hdrp = Type.GetType("UnityEngine.Rendering.HighDefinition.HDMaterial, Unity.RenderPipelines.HighDefinition.Runtime");
            var validate = hdrp == null ? null : hdrp.GetMethod("ValidateMaterial", new[] { typeof(Material) });
            if (validate != null) validate.Invoke(null, new object[] { material });
        }

        private static bool SetTexture(Material material, string folder, string file, params string[] names)
        {
            var name = names.FirstOrDefault(material.HasProperty);
            if (file == "" || name == null) return false;
            material.SetTexture(name, AssetDatabase.LoadAssetAtPath<Texture2D>(folder + "/" + file));
            return true;
        }

        private static void SetColor(Material material, Color value, params string[] names)
        {
            var name = names.FirstOrDefault(material.HasProperty);
            if (name != null) material.SetColor(name, value);
        }

        private static void SetFloat(Material material, float value, params string[] names)
        {
            var name = names.FirstOrDefault(material.HasProperty);
            if (name != null) material.SetFloat(name, value);
        }
    }
}
#endif
