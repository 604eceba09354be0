"""Views brought to one scale and position: the subject is as tall in each, and each row shows the same height."""

from __future__ import annotations

from dataclasses import dataclass

from kiln.asset import VIEW_AZIMUTH_DEGREES, Picture
from kiln.backends.silhouette.frame import PictureFrame, PlacedView


@dataclass(frozen=True, eq=False, kw_only=True)
class Alignment:
    """Placed views, and how well they agree."""

    views: tuple[PlacedView, ...]
    notes: tuple[str, ...] = ()


def align_views(pictures: tuple[Picture, ...]) -> Alignment:
    """Each picture with its frame: 1 m tall, standing on y = 0, its middle over the origin."""
    views = tuple(
        PlacedView(picture=p, azimuth_degrees=VIEW_AZIMUTH_DEGREES[p.view], frame=PictureFrame.of_matte(p.alpha)) for p in pictures
    )
    return Alignment(views=views)
