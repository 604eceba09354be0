"""Where bytes live that outlive a run: a folder, or an S3-compatible store, behind one interface."""

from kiln.storage.connect import open_store
from kiln.storage.store import Store
from kiln.storage.stored import Listed, Page, Stored

__all__ = ["Listed", "Page", "Store", "Stored", "open_store"]
