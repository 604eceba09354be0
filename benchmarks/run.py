"""Measures `kiln make` and `kiln process` as whole processes, and Blender beside them in the same run, and writes the figures down.

    python benchmarks/run.py --pictures DIR --blender PYTHON_WITH_BPY

Without --pictures the project's own artwork is used; without --blender the peer is left out. --largest bounds the sources whose cost is
measured to see that it grows linearly. Every task runs once to warm the compiled
kernels and the disk, then `--repeats` times; the median is kept. Run it on a quiet machine: times on a busy one say little, ratios more.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
KILN = Path(sys.executable).with_name("kiln")
SIZES = (100_000, 500_000, 1_000_000, 2_000_000, 5_000_000)
COMPARED = 500_000
QUALITY = (
    "triangles",
    "open_edges",
    "non_manifold_edges",
    "degenerate_triangles",
    "uv_overlap_texels",
    "uv_flipped",
    "uv_utilization",
    "uv_gutter_px",
    "texel_density_cv",
    "normal_error_mean_degrees",
    "normal_error_p95_degrees",
    "color_psnr_db",
    "ray_misses",
    "outline_iou_front",
)


def run_measured(command: list[str], **environment: str) -> dict[str, Any]:
    """Wall seconds, and peak memory in MB of the process or its largest child; stdout as text."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = time.perf_counter()
        # Without the stage cache: a second run of a command would measure little but the export.
        child = subprocess.Popen(command, stdout=out, stderr=err, env=os.environ | {"KILN_CACHE": "off"} | environment)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if child.returncode != 0:
            raise SystemExit(f"{' '.join(command)} failed with {child.returncode}:\n{err.read().decode()}")
        unit = 1024 * 1024 if sys.platform == "darwin" else 1024
        return {"seconds": seconds, "peak_mb": usage.ru_maxrss / unit, "out": out.read().decode()}


def kiln_task(arguments: list[str], *, repeats: int) -> dict[str, Any]:
    """Median of a kiln command's runs, and what its report says of the result."""
    with tempfile.TemporaryDirectory() as folder:
        command = [str(KILN), *arguments, "--json", "--out", folder]
        runs = [run_measured(command) for _ in range(repeats)]
    measures = json.loads(runs[-1]["out"])["report"]["measures"]
    return {
        "seconds": round(statistics.median(run["seconds"] for run in runs), 2),
        "peak_mb": round(max(run["peak_mb"] for run in runs)),
        "quality": {name: measures.get(name) for name in QUALITY},
    }


def first_run(picture: Path) -> float:
    """Wall seconds of the first `kiln make` after an installation, which compiles the kernels."""
    with tempfile.TemporaryDirectory() as folder:
        command = [str(KILN), "make", str(picture), "--quiet", "--out", f"{folder}/out"]
        return round(run_measured(command, NUMBA_CACHE_DIR=f"{folder}/cache")["seconds"], 2)


def steps_task(source: Path) -> dict[str, float]:
    """Seconds of single steps in one warm process."""
    found: dict[str, float] = json.loads(run_measured([sys.executable, str(HERE / "steps.py"), str(source)])["out"])
    return found


def blender_task(python: str, source: Path, *, triangles: int) -> dict[str, Any]:
    """The peer's seconds by step for the same source, and its result by the measures that Kiln's is judged by."""
    with tempfile.TemporaryDirectory() as folder:
        made = f"{folder}/out.glb"
        run = run_measured([python, str(HERE / "blender_task.py"), str(source), made, str(triangles), "2048", "16"])
        checked = subprocess.run(
            [str(KILN), "check", made, "--source", str(source), "--format", "json"], capture_output=True, text=True, check=False
        )
    line = next(line for line in run["out"].splitlines() if line.startswith("SECONDS "))
    measures = json.loads(checked.stdout)[0]["measures"]
    return {
        "seconds": round(run["seconds"], 2),
        "peak_mb": round(run["peak_mb"]),
        "steps": json.loads(line.removeprefix("SECONDS ")),
        "quality": {name: measures.get(name) for name in QUALITY},
    }


def exports_task(picture: Path, blender: str | None) -> dict[str, Any]:
    """Seconds of an FBX file and of every engine's folder; the peer's FBX export of the same mesh beside them."""
    with tempfile.TemporaryDirectory() as folder:
        mesh = f"{folder}/dense.glb"
        found = {"kiln": json.loads(run_measured([sys.executable, str(HERE / "exports.py"), str(picture), mesh])["out"])}
        if blender:
            said = run_measured([blender, str(HERE / "blender_export.py"), mesh, f"{folder}/dense.fbx"])["out"]
            line = next(line for line in said.splitlines() if line.startswith("SECONDS "))
            found["blender"] = json.loads(line.removeprefix("SECONDS "))
    return found


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        cpu = next((line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")), cpu)
    return {"cpu": cpu, "cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()}


def as_markdown(results: dict[str, Any]) -> str:
    """The figures as a page."""
    about = results["machine"]
    lines = [f"# Benchmarks\n\n{about['cpu']}, {about['cores']} cores, {about['system']}, Python {about['python']}\n"]
    rows = dict(results["kiln"])
    if "blender" in results:
        rows["Blender 5.0.1, whole process"] = results["blender"]
    lines += ["| task | seconds | peak MB | " + " | ".join(name.replace("_", " ") for name in QUALITY) + " |"]
    lines += ["| --- " * (3 + len(QUALITY)) + "|"]
    for name, task in rows.items():
        cells = [_short(task["quality"][key]) for key in QUALITY]
        lines.append(f"| {name} | {task['seconds']} | {task['peak_mb']} | " + " | ".join(cells) + " |")
    lines.append(f"\nThe first run after an installation, which compiles the kernels: {results['first run']} s.\n")
    lines += [f"- {step}: {seconds} s" for step, seconds in {**results["steps"], **results["exports"]["kiln"]}.items()]
    return "\n".join([*lines, *_ratios(results)]) + "\n"


def _ratios(results: dict[str, Any]) -> list[str]:
    """How many times faster than the peer, where there is one."""
    if "blender" not in results:
        return []
    peer = results["blender"]
    work = sum(seconds for name, seconds in peer["steps"].items() if name != "load")
    steps = ", ".join(f"{name} {seconds}" for name, seconds in peer["steps"].items())
    ratio = {name: work / results["kiln"][name]["seconds"] for name in (results["same work"], results["everything"])}
    return [
        f"\nBlender 5.0.1 on the same source, in the same run: {work:.1f} s without starting and loading ({steps}), "
        f"peak {peer['peak_mb']} MB.\n",
        f"- Kiln, the same work, its whole process with starting, loading and measuring: "
        f"**{ratio[results['same work']]:.1f} times faster**.",
        f"- Kiln, with repair, LODs, hulls, previews, proof of fidelity and contract: **{ratio[results['everything']]:.1f} times faster**.",
        _export_ratio(**results["exports"]),
    ]


def _export_ratio(kiln: dict[str, float], blender: dict[str, float]) -> str:
    """The peer's FBX export of the same mesh, in the same run."""
    name, seconds = next(iter(kiln.items()))
    told = ", ".join(f"{seconds} s {what}" for what, seconds in blender.items())
    return f"- {name}: Blender {told}; Kiln, with tangents, **{blender['with tangents'] / seconds:.1f} times faster**."


def _short(value: Any) -> str:
    return "-" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def measure_pictures(results: dict[str, Any], pictures: list[Path], *, repeats: int) -> None:
    """`kiln make` of each picture, and the very first run."""
    kiln_task(["make", str(pictures[0])], repeats=1)
    results["first run"] = first_run(pictures[0])
    for picture in pictures:
        results["kiln"][f"make {picture.stem}"] = kiln_task(["make", str(picture)], repeats=repeats)
        print(picture.stem, results["kiln"][f"make {picture.stem}"], flush=True)


def measure_sources(results: dict[str, Any], folder: Path, options: argparse.Namespace) -> None:
    """`kiln process` of dense sources of rising size; the peer beside one of them."""
    for triangles in (size for size in SIZES if size <= options.largest):
        source = folder / f"source_{triangles}.ply"
        # In a process of its own: Linux counts what a process held when it started a child as the child's peak, too.
        subprocess.run([sys.executable, str(HERE / "source.py"), str(source), str(triangles)], check=True)
        name = f"process {triangles:,} to 10,000"
        results["kiln"][name] = kiln_task(["process", str(source), "--triangles", "10000"], repeats=options.repeats)
        print(name, results["kiln"][name], flush=True)
        if triangles == COMPARED:
            results["everything"], results["same work"] = name, f"the same work as the peer, {triangles:,} to 10,000"
            same = ["process", str(source), "--recipe", str(HERE / "same_work.toml")]
            results["kiln"][results["same work"]] = kiln_task(same, repeats=options.repeats)
            results["steps"] = steps_task(source)
            if options.blender:
                results["blender"] = blender_task(options.blender, source, triangles=10_000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=Path, default=HERE.parent / "examples" / "pictures", help="folder of pictures to make")
    parser.add_argument("--blender", default=os.environ.get("KILN_BLENDER"), help="a Python interpreter that has bpy [KILN_BLENDER]")
    parser.add_argument("--largest", type=int, default=SIZES[-1], help="triangles of the largest source to process")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=HERE / "results", help="folder for results.json and README.md")
    options = parser.parse_args()
    results: dict[str, Any] = {"machine": machine(), "kiln": {}}
    pictures = sorted(options.pictures.glob("*.png"))
    measure_pictures(results, pictures, repeats=options.repeats)
    results["exports"] = exports_task(pictures[0], options.blender)
    with tempfile.TemporaryDirectory() as folder:
        measure_sources(results, Path(folder), options)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    (options.out / "README.md").write_text(as_markdown(results))
    print(as_markdown(results))


if __name__ == "__main__":
    main()
