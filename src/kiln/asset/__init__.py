"""The nouns: what flows through Kiln. Frozen values over read-only arrays; nothing here does work or imports more than numpy."""

from kiln.asset.asset import Asset, Body, Step
from kiln.asset.conventions import VIEW_AZIMUTH_DEGREES, VIEWS, View
from kiln.asset.file_record import FileRecord
from kiln.asset.material import UNMADE, Material
from kiln.asset.mesh import Mesh, Projection
from kiln.asset.package import Package
from kiln.asset.picture import Picture
from kiln.asset.primitive import Primitive
from kiln.asset.report import Line, Report, Value, Verdict
from kiln.asset.skeleton import Skeleton
from kiln.asset.voxels import Voxels

__all__ = [
    "UNMADE",
    "VIEWS",
    "VIEW_AZIMUTH_DEGREES",
    "Asset",
    "Body",
    "FileRecord",
    "Line",
    "Material",
    "Mesh",
    "Package",
    "Picture",
    "Primitive",
    "Projection",
    "Report",
    "Skeleton",
    "Step",
    "Value",
    "Verdict",
    "View",
    "Voxels",
]
