"""The script that imports an asset in Unreal's editor: `unreal_import.py.txt`, filled in."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from importlib.resources import files
from pprint import pformat
from typing import Any, Final

import numpy as np

from kiln.formats.png import encode_png
from kiln.version import VERSION

_WHITE: Final = np.full((4, 4, 3), 255, np.uint8)
_FLAT: Final = np.full((4, 4, 3), (128, 128, 255), np.uint8)

_README: Final = """{mesh} for Unreal Engine 5: {contents}.

1. Unpack this folder to your disk; keep its files together.
2. In Unreal's editor: Tools > Execute Python Script..., and choose
   import_{name}.py. (If the menu lacks that: Edit > Plugins, switch on
   "Python Editor Script Plugin" and restart the editor.)
3. The asset is in {folder}. The Output Log says what was made.

Run the script again after a new export: it replaces what it made.
By hand, instead: drag the FBX and the textures into the Content Browser;
set T_..._ORM to compression Masks and sRGB off, T_..._N to Normalmap, and
connect red to ambient occlusion, green to roughness, blue to metallic.

Units are centimetres. Normal maps are DirectX (green down).

Made by Kiln {version}.
"""


def import_script(asset: Mapping[str, Any]) -> str:
    """Python source, 3.9 and later, with the asset's values as a literal at its top."""
    template = files("kiln.engines").joinpath("unreal_import.py.txt").read_text(encoding="utf-8")
    values = {
        "__ASSET__": pformat(dict(asset), width=120, sort_dicts=False),
        "__WHITE_PNG__": repr(base64.b64encode(encode_png(_WHITE)).decode()),
        "__FLAT_PNG__": repr(base64.b64encode(encode_png(_FLAT)).decode()),
    }
    for placeholder, value in values.items():
        template = template.replace(placeholder, value)
    return template


def readme(asset: Mapping[str, Any]) -> str:
    """What the folder holds and what to do with it, for people; short lines, as editors without wrapping show it."""
    return _README.format(name=asset["name"], mesh=asset["mesh"], folder=asset["folder"], contents=_contents(asset), version=VERSION)


def _contents(asset: Mapping[str, Any]) -> str:
    shapes = "a physics asset" if asset["skeletal"] else f"{asset['collision']} collision shapes"
    counts = (f"{asset['lods']} LODs", shapes, f"{len(asset['materials'])} materials", f"{len(asset['textures'])} textures")
    return ", ".join(count.removesuffix("s") if count.startswith("1 ") else count for count in counts)
