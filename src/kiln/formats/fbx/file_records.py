"""What stands in an FBX file beside its objects: version and creator, axes and units, one document, no animation."""

from __future__ import annotations

from typing import Final

import numpy as np

from kiln.formats.fbx.frame import Frame
from kiln.formats.fbx.object_records import ROOT, Objects, setting, settings70
from kiln.formats.fbx.records import CREATION_TIME, FILE_ID, Record
from kiln.version import VERSION

_CREATOR: Final = f"Kiln {VERSION}"
_DOCUMENT_ID: Final = np.int64(1)

_CREATION_STAMP: Final = {"Version": 1000, "Year": 1970, "Month": 1, "Day": 1, "Hour": 10, "Minute": 0, "Second": 0, "Millisecond": 0}
"""CREATION_TIME in parts."""

_THIRTY_FRAMES_A_SECOND: Final = 6


def file_records(objects: Objects, *, frame: Frame, version: int) -> list[Record]:
    """Everything at the top of the file, in the order in which Autodesk's files have it."""
    definitions, things, connections = objects.records()
    return [
        _header(version),
        Record("FileId", (FILE_ID,)),
        Record("CreationTime", (CREATION_TIME,)),
        Record("Creator", (_CREATOR,)),
        _global_settings(frame),
        _documents(),
        Record("References"),
        definitions,
        things,
        connections,
        Record("Takes", (), (Record("Current", ("",)),)),
    ]


def _header(version: int) -> Record:
    stamp = tuple(Record(name, (value,)) for name, value in _CREATION_STAMP.items())
    return Record(
        "FBXHeaderExtension",
        (),
        (
            Record("FBXHeaderVersion", (1003,)),
            Record("FBXVersion", (version,)),
            Record("EncryptionType", (0,)),
            Record("CreationTimeStamp", (), stamp),
            Record("Creator", (_CREATOR,)),
        ),
    )


def _global_settings(frame: Frame) -> Record:
    axes = {"UpAxis": frame.up, "FrontAxis": frame.front, "CoordAxis": frame.coord, "OriginalUpAxis": frame.up}
    properties = []
    for name, (axis, sign) in axes.items():
        properties += [setting(name, "int", axis), setting(f"{name}Sign", "int", sign)]
    properties += [
        setting("UnitScaleFactor", "double", frame.unit_scale_factor),
        setting("OriginalUnitScaleFactor", "double", frame.unit_scale_factor),
        setting("AmbientColor", "ColorRGB", 0.0, 0.0, 0.0),
        setting("DefaultCamera", "KString", "Producer Perspective"),
        setting("TimeMode", "enum", _THIRTY_FRAMES_A_SECOND),
    ]
    return Record("GlobalSettings", (), (Record("Version", (1000,)), settings70(properties)))


def _documents() -> Record:
    document = (
        settings70([setting("ActiveAnimStackName", "KString", "")]),
        Record("RootNode", (ROOT,)),
    )
    return Record("Documents", (), (Record("Count", (1,)), Record("Document", (_DOCUMENT_ID, "Scene", "Scene"), document)))
