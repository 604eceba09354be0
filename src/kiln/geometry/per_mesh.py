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
        self._origins: WeakKeyDictionary[Mesh, tuple[Mesh, Callable[[_Result], _Result]]] = WeakKeyDictionary()
        self._building = threading.Lock()

    def __call__(self, mesh: Mesh) -> _Result:
        """The result for this mesh."""
        with self._building:
            return self._result(mesh)

    def carry(self, mesh: Mesh, moved: Mesh, change: Callable[[_Result], _Result]) -> None:
        """Let a mesh made from another have that one's result, changed likewise, whether that is known already or not.

        That it does not depend on who asked before whom keeps the last bits of what is measured the same. Until somebody asks for the
        result, `mesh` lives as long as `moved`.
        """
        with self._building:
            found = self._known.get(mesh)
            if moved is mesh:
                return
            if found is None:
                self._origins[moved] = mesh, change
            else:
                self._known[moved] = change(found)

    def _result(self, mesh: Mesh) -> _Result:
        found = self._known.get(mesh)
        if found is None:
            found = self._made(mesh)
            if found is not mesh:
                self._known[mesh] = found
        return found

    def _made(self, mesh: Mesh) -> _Result:
        """The result worked out, from the mesh itself or from that of the mesh it was made from."""
        origin = self._origins.pop(mesh, None)
        if origin is None:
            return self._make(mesh)
        before, change = origin
        found = self._result(before)
        return self._make(mesh) if found is before else change(found)


def once_per_mesh(make: Callable[[Mesh], _Result]) -> OncePerMesh[_Result]:
    """`make`, remembering its result for each Mesh value: see OncePerMesh."""
    return OncePerMesh(make)
