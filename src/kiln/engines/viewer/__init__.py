"""The web engine's picture and page of an asset: a poster, and one HTML file that turns the asset in any browser, offline.

>>> from kiln.engines.viewer import viewer_page
>>> page = viewer_page(handover)  # doctest: +SKIP
"""

from kiln.engines.viewer.page import viewer_page
from kiln.engines.viewer.poster import Poster, poster

__all__ = ["Poster", "poster", "viewer_page"]
