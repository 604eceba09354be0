"""Results that are worked out once for each mesh and live as long as it does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from kiln.asset import Mesh

_Result = TypeVar("_Result")


class OncePerMesh(Generic[_Result]):
    """A function of meshes, remembering its result for each Mesh value until that is freed.

    The result must not refer to the mesh, or neither ever is. A result that is the mesh itself is not kept. Two threads that ask at once
    get one result: the second waits.
    """

    def __init__(self, make: Callable[[Mesh], _Result]) -> None:
        self._make = make
        self._known: WeakKeyDictionary[Mesh, _Result] = WeakKeyDictionary()
        self._building = threading.Lock()

    def __call__(self, mesh: Mesh) -> _Result:
        """The result for this mesh."""
        with self._building:
            found = self._known.get(mesh)
            if found is None:
                found = self._make(mesh)
                if found is not mesh:
                    self._known[mesh] = found
            return found

    def carry(self, mesh: Mesh, moved: Mesh, change: Callable[[_Result], _Result]) -> None:
        """Let a mesh made from another have that one's result, changed likewise, where it is known."""
        with self._building:
            found = self._known.get(mesh)
            if found is not None and moved is not mesh:
                self._known[moved] = change(found)


def once_per_mesh(make: Callable[[Mesh], _Result]) -> OncePerMesh[_Result]:
    """`make`, remembering its result for each Mesh value: see OncePerMesh."""
    return OncePerMesh(make)
