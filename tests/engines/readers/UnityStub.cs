// As much of Unity's API (2020.3 to 6, names and signatures by its scripting reference) as Kiln's import script uses, with as much behaviour
// as is needed to run it: hierarchies, importers that remember, shaders that know their properties. Main plays Unity importing a folder with
// one script, and, if there is a second in a later namespace, an artist at work and then a later export.
using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection;

namespace UnityEngine
{
    public class Object
    {
        public virtual string name { get; set; }
        public static void DestroyImmediate(Object gone)
        {
            var component = gone as Component;
            if (component != null) component.gameObject.components.Remove(component);
            else ((GameObject)gone).transform.parent.gameObject.children.Remove((GameObject)gone);
        }
    }

    public class Component : Object
    {
        public GameObject gameObject;
        public override string name { get { return gameObject.name; } set { gameObject.name = value; } }
        public Transform transform { get { return gameObject.transform; } }
        public T GetComponent<T>() where T : Component { return gameObject.GetComponent<T>(); }
        public T[] GetComponents<T>() where T : Component { return gameObject.components.OfType<T>().ToArray(); }
    }

    public class Transform : Component
    {
        public Vector3 localPosition;
        public Transform parent { get; private set; }
        public int childCount { get { return gameObject.children.Count; } }
        public void SetParent(Transform parent, bool worldPositionStays)
        {
            this.parent = parent;
            parent.gameObject.children.Add(gameObject);
        }
        public Transform Find(string n) { return gameObject.children.Where(child => child.name == n).Select(child => child.transform).FirstOrDefault(); }
        public Quaternion localRotation = Quaternion.identity;
    }

    public class GameObject : Object
    {
        public List<Component> components = new List<Component>();
        public List<GameObject> children = new List<GameObject>();
        public GameObject(string name) { this.name = name; AddComponent<Transform>(); }
        public Transform transform { get { return GetComponent<Transform>(); } }
        public T AddComponent<T>() where T : Component
        {
            var made = Activator.CreateInstance<T>();
            made.gameObject = this;
            components.Add(made);
            return made;
        }
        public T GetComponent<T>() where T : Component { return components.OfType<T>().FirstOrDefault(); }
        public T GetComponentInChildren<T>(bool includeInactive) where T : Component { return GetComponentsInChildren<T>(includeInactive).FirstOrDefault(); }
        public T[] GetComponentsInChildren<T>(bool includeInactive) where T : Component
        {
            return components.OfType<T>().Concat(children.SelectMany(child => child.GetComponentsInChildren<T>(includeInactive))).ToArray();
        }
    }

    public class Mesh : Object { }
    public class MeshFilter : Component { public Mesh sharedMesh; }
    public class Renderer : Component { }
    public class MeshRenderer : Renderer { }
    public class Collider : Component { public bool isTrigger { get; set; } }
    public class MeshCollider : Collider { public Mesh sharedMesh; public bool convex; }
    public class BoxCollider : Collider { public Vector3 center, size; }
    public class SphereCollider : Collider { public Vector3 center; public float radius; }
    public class CapsuleCollider : Collider { public Vector3 center; public int direction; public float radius, height; }

    public struct LOD
    {
        public float screenRelativeTransitionHeight;
        public Renderer[] renderers;
        public LOD(float screenRelativeTransitionHeight, Renderer[] renderers)
        {
            this.screenRelativeTransitionHeight = screenRelativeTransitionHeight;
            this.renderers = renderers;
        }
    }

    public class LODGroup : Component
    {
        public LOD[] lods = new LOD[0];
        public LOD[] GetLODs() { return lods.ToArray(); }
        public void SetLODs(LOD[] lods)
        {
            for (var i = 1; i < lods.Length; i++)
                if (lods[i].screenRelativeTransitionHeight >= lods[i - 1].screenRelativeTransitionHeight)
                    throw new Exception("SetLODs: a LOD's screen relative size is greater than or equal to a higher detail LOD's");
            this.lods = lods;
        }
        public void RecalculateBounds() { }
    }

    public struct Vector3
    {
        public float x, y, z;
        public Vector3(float x, float y, float z) { this.x = x; this.y = y; this.z = z; }
        public static Vector3 zero { get { return new Vector3(); } }
        public static Vector3 one { get { return new Vector3(1, 1, 1); } }
        public override string ToString() { return FormattableString.Invariant($"{x},{y},{z}"); }
    }

    public struct Quaternion
    {
        public float x, y, z, w;
        public Quaternion(float x, float y, float z, float w) { this.x = x; this.y = y; this.z = z; this.w = w; }
        public static Quaternion identity { get { return new Quaternion(0, 0, 0, 1); } }
        public override string ToString() { return FormattableString.Invariant($"{x},{y},{z},{w}"); }
    }

    public struct Color
    {
        public float r, g, b, a;
        public Color(float r, float g, float b) : this(r, g, b, 1) { }
        public Color(float r, float g, float b, float a) { this.r = r; this.g = g; this.b = b; this.a = a; }
        public static Color white { get { return new Color(1, 1, 1); } }
        public static Color black { get { return new Color(0, 0, 0); } }
        public float maxColorComponent { get { return Math.Max(r, Math.Max(g, b)); } }
        public override string ToString() { return FormattableString.Invariant($"{r},{g},{b},{a}"); }
    }

    public class Texture : Object { public override string ToString() { return name; } }
    public class Texture2D : Texture { }

    public class Shader : Object
    {
        public string[] properties;
        private static readonly Dictionary<string, string> Known = new Dictionary<string, string>
        {
            { "Standard", "_Color _MainTex _Cutoff _Glossiness _GlossMapScale _Metallic _MetallicGlossMap _BumpMap _OcclusionMap _EmissionColor _EmissionMap _Mode _SrcBlend _DstBlend _ZWrite" },
            { "Universal Render Pipeline/Lit", "_BaseMap _BaseColor _Cutoff _Smoothness _Metallic _MetallicGlossMap _BumpMap _OcclusionMap _EmissionColor _EmissionMap _Surface _AlphaClip _SrcBlend _DstBlend _ZWrite _Cull _MainTex _Color _GlossMapScale _Glossiness" },
            { "HDRP/Lit", "_BaseColor _BaseColorMap _Metallic _Smoothness _MaskMap _NormalMap _EmissiveColor _EmissiveColorMap _AlphaCutoffEnable _AlphaCutoff _SurfaceType _SrcBlend _DstBlend _ZWrite _DoubleSidedEnable _EmissionColor _MainTex _Color _Cutoff" },
        };
        public static Shader Find(string name) { return new Shader { name = name, properties = Known[name].Split(' ') }; }
    }

    public enum MaterialGlobalIlluminationFlags { None = 0, RealtimeEmissive = 1, BakedEmissive = 2, EmissiveIsBlack = 4, AnyEmissive = 3 }

    public class Material : Object
    {
        public Shader shader;
        public SortedDictionary<string, string> values = new SortedDictionary<string, string>(StringComparer.Ordinal);
        public int renderQueue = -1;
        public bool doubleSidedGI;
        public MaterialGlobalIlluminationFlags globalIlluminationFlags;
        public Material(Shader shader) { this.shader = shader; }
        public bool HasProperty(string name) { return shader.properties.Contains(name); }
        public bool HasProperty(int nameID) { throw new NotSupportedException(); }
        public void SetTexture(string name, Texture value) { Set(name, value == null ? "missing" : value.name); }
        public void SetColor(string name, Color value) { Set(name, value.ToString()); }
        public void SetFloat(string name, float value) { Set(name, FormattableString.Invariant($"{value}")); }
        public void EnableKeyword(string keyword) { values["keyword " + keyword] = "on"; }
        public void SetOverrideTag(string tag, string value) { values["tag " + tag] = value; }
        private void Set(string name, string value)
        {
            if (!HasProperty(name)) throw new Exception(shader.name + " has no " + name);
            values[name] = value;
        }
    }
}

namespace UnityEngine.SceneManagement
{
    public struct Scene
    {
        public int handle;
        public bool IsValid() { return handle != 0; }
    }
}

namespace UnityEditor.SceneManagement
{
    using UnityEngine.SceneManagement;

    public static class EditorSceneManager
    {
        public static Scene NewPreviewScene() { return new Scene { handle = 1 }; }
        public static bool ClosePreviewScene(Scene scene) { return scene.IsValid(); }
    }
}

namespace UnityEngine.Rendering
{
    public class RenderPipelineAsset : Object { public virtual Shader defaultShader { get { return Shader.Find(Play.PipelineShader); } } }
    public static class GraphicsSettings
    {
        public static RenderPipelineAsset currentRenderPipeline { get { return Play.PipelineShader == "Standard" ? null : new RenderPipelineAsset(); } }
    }
    public enum RenderQueue { Background = 1000, Geometry = 2000, AlphaTest = 2450, GeometryLast = 2500, Transparent = 3000, Overlay = 4000 }
    public enum BlendMode { Zero, One, DstColor, SrcColor, OneMinusDstColor, SrcAlpha, OneMinusSrcColor, DstAlpha, OneMinusDstAlpha, SrcAlphaSaturate, OneMinusSrcAlpha }
}

namespace UnityEditor
{
    using UnityEngine;

    [AttributeUsage(AttributeTargets.Method)]
    public class InitializeOnLoadMethodAttribute : Attribute { }

    public static class EditorApplication
    {
        public delegate void CallbackFunction();
        public static CallbackFunction delayCall;
    }

    public class AssetPostprocessor
    {
        public string assetPath { get; set; }
        public AssetImporter assetImporter { get { return AssetImporter.GetAtPath(assetPath); } }
        public virtual uint GetVersion() { return 0; }
    }

    public class AssetImporter : Object
    {
        public struct SourceAssetIdentifier
        {
            public Type type;
            public string name;
            public SourceAssetIdentifier(Type type, string name) { this.type = type; this.name = name; }
        }

        public static readonly Dictionary<string, AssetImporter> All = new Dictionary<string, AssetImporter>();
        private readonly Dictionary<SourceAssetIdentifier, Object> remaps = new Dictionary<SourceAssetIdentifier, Object>();
        public string assetPath { get; set; }
        public string userData { get; set; }
        public AssetImporter() { userData = ""; }
        public static AssetImporter GetAtPath(string path) { return All.ContainsKey(path) ? All[path] : null; }
        public void AddRemap(SourceAssetIdentifier identifier, Object externalObject) { remaps.Add(identifier, externalObject); }
        public Dictionary<SourceAssetIdentifier, Object> GetExternalObjectMap() { return new Dictionary<SourceAssetIdentifier, Object>(remaps); }
        public void SaveAndReimport() { Play.Import(assetPath); }
    }

    public enum TextureImporterType { Default = 0, NormalMap = 1 }
    public class TextureImporter : AssetImporter
    {
        public TextureImporterType textureType { get; set; }
        public bool sRGBTexture { get; set; }
        public bool alphaIsTransparency { get; set; }
        public int maxTextureSize { get; set; }
        public TextureImporter() { sRGBTexture = true; maxTextureSize = 2048; }
    }

    public enum ModelImporterNormals { Import, Calculate, None }
    public enum ModelImporterTangents { Import, CalculateLegacy, CalculateMikk, CalculateLegacyWithSplitTangents, None }
    public enum ModelImporterAnimationType { None, Legacy, Generic, Human }
    public enum ModelImporterMaterialImportMode { None, ImportStandard, ImportViaMaterialDescription }
    public enum ModelImporterMaterialLocation { External, InPrefab }
    public enum ModelImporterSkinWeights { Standard, Custom }
    public class ModelImporter : AssetImporter
    {
        public float globalScale { get; set; }
        public bool useFileScale { get; set; }
        public bool bakeAxisConversion { get; set; }
        public bool preserveHierarchy { get; set; }
        public bool importCameras { get; set; }
        public bool importLights { get; set; }
        public bool isReadable { get; set; }
        public bool generateSecondaryUV { get; set; }
        public bool importAnimation { get; set; }
        public int maxBonesPerVertex { get; set; }
        public ModelImporterNormals importNormals { get; set; }
        public ModelImporterTangents importTangents { get; set; }
        public ModelImporterAnimationType animationType { get; set; }
        public ModelImporterMaterialImportMode materialImportMode { get; set; }
        public ModelImporterMaterialLocation materialLocation { get; set; }
        public ModelImporterSkinWeights skinWeights { get; set; }
        public ModelImporter() { generateSecondaryUV = true; importAnimation = true; }
    }

    public static class PrefabUtility
    {
        public static Object InstantiatePrefab(Object asset, UnityEngine.SceneManagement.Scene destinationScene)
        {
            if (!destinationScene.IsValid()) throw new Exception("no scene");
            return asset;
        }
        public static GameObject SaveAsPrefabAsset(GameObject root, string path)
        {
            if (!AssetDatabase.Made.ContainsKey(path)) AssetDatabase.CreateAsset(root, path);
            else Console.WriteLine("saved " + path);
            Play.Import(path);
            return root;
        }
        public static GameObject LoadPrefabContents(string assetPath) { return (GameObject)AssetDatabase.Made[assetPath]; }
        public static void UnloadPrefabContents(GameObject contentsRoot) { }
    }

    public static class AssetDatabase
    {
        public static readonly Dictionary<string, Object> Made = new Dictionary<string, Object>();
        public static string[] FindAssets(string filter) { return Directory.GetFiles("Assets", filter.Split(' ')[0] + ".cs", SearchOption.AllDirectories); }
        public static string GUIDToAssetPath(string guid) { return guid; }
        public static T LoadAssetAtPath<T>(string path) where T : Object
        {
            if (Made.ContainsKey(path)) return (T)Made[path];
            if (!File.Exists(path)) return null;
            if (typeof(T) == typeof(GameObject)) return (T)(Object)Play.Model(path);
            return (T)(Object)new Texture2D { name = Path.GetFileName(path) };
        }
        public static void CreateAsset(Object asset, string path)
        {
            if (Play.Importing > 0) throw new Exception("CreateAsset is restricted during asset importing");
            Made.Add(path, asset);
            Console.WriteLine("created " + path);
        }
    }
}

// Unity importing every file below Assets, in the working folder. Arguments: the pipeline's shader, then each mesh as model.fbx:node.
public static class Play
{
    public static string PipelineShader = "Standard";
    public static int Importing;
    private static ILookup<string, string> nodes;
    private static Type script;

    public static void Main(string[] arguments)
    {
        PipelineShader = arguments[0];
        nodes = arguments.Skip(1).ToLookup(argument => argument.Split(':')[0], argument => argument.Split(':')[1]);
        var types = Assembly.GetExecutingAssembly().GetTypes();
        var scripts = types.Where(t => t.BaseType == typeof(UnityEditor.AssetPostprocessor)).OrderBy(t => t.Namespace, StringComparer.Ordinal).ToArray();
        script = scripts[0];
        ImportAll();
        Console.WriteLine("again");
        CatchUp();
        if (scripts.Length > 1)
        {
            types.Single(type => type.Name == "Artist").GetMethod("Work").Invoke(null, new object[0]);
            script = scripts[1];
            Console.WriteLine("later");
            CatchUp();
            ImportAll();
        }
        foreach (var importer in UnityEditor.AssetImporter.All.OrderBy(pair => pair.Key, StringComparer.Ordinal)) Show(importer.Key, importer.Value);
        foreach (var made in UnityEditor.AssetDatabase.Made.Values)
        {
            if (made is UnityEngine.Material) Show((UnityEngine.Material)made);
            if (made is UnityEngine.GameObject) Show((UnityEngine.GameObject)made);
        }
    }

    private static void ImportAll()
    {
        var files = Directory.GetFiles("Assets", "*", SearchOption.AllDirectories).Select(f => f.Replace('\\', '/')).Where(f => !f.EndsWith(".cs"));
        foreach (var file in files.OrderBy(f => f, StringComparer.Ordinal).ToArray()) Import(file);
    }

    private static void CatchUp()
    {
        Call(null, "CatchUp");
        UnityEditor.EditorApplication.delayCall();
        UnityEditor.EditorApplication.delayCall = null;
    }

    public static void Import(string path)
    {
        Console.WriteLine("import " + path);
        Importing++;
        if (!UnityEditor.AssetImporter.All.ContainsKey(path))
        {
            var importer = path.EndsWith(".fbx") ? new UnityEditor.ModelImporter() :
                path.EndsWith(".prefab") ? new UnityEditor.AssetImporter() : new UnityEditor.TextureImporter();
            importer.assetPath = path;
            UnityEditor.AssetImporter.All.Add(path, importer);
        }
        var processor = (UnityEditor.AssetPostprocessor)Activator.CreateInstance(script);
        processor.assetPath = path;
        Call(processor, "OnPreprocessAsset");
        Importing--;
        Call(null, "OnPostprocessAllAssets", new[] { path }, new string[0], new string[0], new string[0]);
    }

    public static UnityEngine.GameObject Model(string path)
    {
        var root = new UnityEngine.GameObject(Path.GetFileNameWithoutExtension(path));
        foreach (var name in nodes[Path.GetFileName(path)])
        {
            var node = new UnityEngine.GameObject(name);
            node.AddComponent<UnityEngine.MeshFilter>().sharedMesh = new UnityEngine.Mesh { name = name };
            node.AddComponent<UnityEngine.MeshRenderer>();
            node.transform.SetParent(root.transform, false);
        }
        return root;
    }

    private static void Call(object on, string name, params object[] arguments)
    {
        script.GetMethod(name, BindingFlags.NonPublic | BindingFlags.Static | BindingFlags.Instance).Invoke(on, arguments);
    }

    private static void Show(UnityEngine.GameObject root)
    {
        var group = root.GetComponent<UnityEngine.LODGroup>();
        foreach (var lod in group == null ? new UnityEngine.LOD[0] : group.lods)
            Console.WriteLine(FormattableString.Invariant($"lod {lod.screenRelativeTransitionHeight} {string.Join(" ", lod.renderers.Select(r => r.name))}"));
        foreach (var node in root.children)
            Console.WriteLine("node " + node.name + " " + node.transform.localPosition + " " + node.transform.localRotation + " " +
                string.Join(" ", node.components.Where(c => !(c is UnityEngine.Transform)).Select(Described)));
    }

    private static string Described(UnityEngine.Component component)
    {
        var fields = component.GetType().GetFields(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly);
        return component.GetType().Name + string.Concat(fields.Select(field => FormattableString.Invariant($";{field.Name}={Plain(field.GetValue(component))}")));
    }

    private static object Plain(object value)
    {
        var named = value as UnityEngine.Object;
        return named == null ? value : named.name;
    }

    private static void Show(string path, UnityEditor.AssetImporter importer)
    {
        var fields = importer.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly);
        Console.WriteLine("importer " + path + " " + string.Join(" ", fields.Select(f => f.Name + "=" + f.GetValue(importer)).OrderBy(f => f, StringComparer.Ordinal)));
        foreach (var remap in importer.GetExternalObjectMap()) Console.WriteLine("remap " + remap.Key.name + " " + (remap.Value == null ? "missing" : "made"));
    }

    private static void Show(UnityEngine.Material material)
    {
        Console.WriteLine("material " + material.shader.name + " queue=" + material.renderQueue);
        foreach (var pair in material.values) Console.WriteLine("  " + pair.Key + " " + pair.Value);
    }
}
