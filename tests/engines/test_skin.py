from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kiln.asset import Mesh, Skeleton
from kiln.asset.rotation import rotation_matrix
from kiln.engines.skin import ready_skin
from kiln.errors import ModelError
from shapes import tetrahedron


def chain(*names: str, roots: int = 1) -> Skeleton:
    parents = np.array([-1] * roots + list(range(roots - 1, len(names) - 1)), np.int32)
    matrices = np.tile(np.eye(4), (len(names), 1, 1))
    matrices[:, 1, 3] = 1
    return Skeleton(names=names, parents=parents, local_matrices=matrices)


def bound(joints: object, weights: object) -> Mesh:
    return replace(tetrahedron(), joints=np.array(joints, np.uint16), weights=np.array(weights, np.float32))


def test_the_strongest_joints_stay_and_are_one_together() -> None:
    weights = [[0.3, 0.05, 0.25, 0.1, 0.1, 0.1, 0.05, 0.05]] * 4
    (mesh,), _, notes = ready_skin("a", [bound([range(8)] * 4, weights)], chain(*"abcdefgh"), influences=4)
    assert mesh.joints is not None and mesh.weights is not None
    assert mesh.joints.tolist() == [[0, 2, 3, 4]] * 4
    np.testing.assert_allclose(mesh.weights, [[0.4, 1 / 3, 0.4 / 3, 0.4 / 3]] * 4, rtol=1e-6)
    assert notes == ("4 vertices were moved by more than 4 joints; the 4 strongest of each are kept",)


def test_a_vertex_that_nothing_moves_follows_the_root() -> None:
    (mesh,), _, _ = ready_skin("a", [bound([[3, 0, 0, 0]] * 4, np.zeros((4, 4)))], chain(*"abcd"), influences=4)
    assert mesh.joints is not None and mesh.weights is not None
    assert mesh.joints.tolist() == [[0, 0, 0, 0]] * 4
    assert mesh.weights.tolist() == [[1, 0, 0, 0]] * 4


def test_several_roots_get_one_at_the_origin_and_nothing_moves() -> None:
    before = chain("hip", "head", "Root", "tail", roots=3)
    (mesh,), after, notes = ready_skin("a", [bound([[0, 3, 0, 0]] * 4, [[0.5, 0.5, 0, 0]] * 4)], before, influences=4)
    assert after.names == ("root", "hip", "head", "Root_2", "tail")
    assert after.parents.tolist() == [-1, 0, 0, 0, 3]
    np.testing.assert_array_equal(after.global_matrices[1:], before.global_matrices)
    np.testing.assert_array_equal(after.global_matrices[0], np.eye(4))
    assert mesh.joints is not None and mesh.joints.tolist() == [[1, 4, 0, 0]] * 4
    assert "the skeleton had 3 roots; they hang from a new joint, root, now" in notes


def turned_root(*names: str) -> Skeleton:
    """A chain whose root stands a metre up, turned."""
    whole = chain(*names)
    local = np.array(whole.local_matrices)
    local[0, :3, :3] = rotation_matrix(np.array([0.1, 0.2, 0.3, 0.9]))
    return replace(whole, local_matrices=local)


def test_a_root_that_must_stand_still_gets_a_joint_above_it_where_it_does_not() -> None:
    before = turned_root("mixamorig:Hips", "Spine")
    mesh = bound([[1, 0, 0, 0]] * 4, [[0.5, 0.5, 0, 0]] * 4)
    (moved,), after, notes = ready_skin("a", [mesh], before, influences=4, still_root=True)
    assert after.names == ("root", "mixamorig:Hips", "Spine")
    assert after.parents.tolist() == [-1, 0, 1]
    np.testing.assert_array_equal(after.local_matrices[0], np.eye(4))
    np.testing.assert_allclose(after.global_matrices[1:], before.global_matrices)
    assert moved.joints is not None and moved.joints.tolist() == [[2, 1, 0, 0]] * 4
    assert notes == ("the joint mixamorig:Hips was the root, but off the origin or turned; it hangs from a new joint, root, now",)
    assert ready_skin("a", [mesh], before, influences=4)[1].names == before.names


def test_a_root_of_that_name_is_put_at_the_origin_and_nothing_else_moves() -> None:
    before = turned_root("Root", "hip", "head")
    (mesh,), after, notes = ready_skin("a", [bound([[2, 0, 0, 0]] * 4, [[1, 0, 0, 0]] * 4)], before, influences=4, still_root=True)
    assert (after.names, after.parents.tolist()) == (before.names, [-1, 0, 1])
    np.testing.assert_array_equal(after.global_matrices[0], np.eye(4))
    np.testing.assert_allclose(after.global_matrices[1:], before.global_matrices[1:], atol=1e-12)
    assert mesh.joints is not None and mesh.joints[0, 0] == 2
    assert notes == ("the joint Root was off the origin or turned; it stands there unturned now, and all others where they did",)


def test_a_root_that_stands_still_stays_as_it_is() -> None:
    before = chain("pelvis", "spine")
    before = replace(before, local_matrices=np.concatenate([np.eye(4)[None] + 1e-9, before.local_matrices[1:]]))
    _, after, notes = ready_skin("a", [bound([[0, 0, 0, 0]] * 4, [[1, 0, 0, 0]] * 4)], before, influences=4, still_root=True)
    assert after.names == before.names and notes == ()


def test_joints_keep_the_names_that_animations_know_and_others_are_made_safe() -> None:
    names = ("mixamorig:Hips", "spine.001", "Arm L", "arm l", "меч", "hero")
    (_,), after, notes = ready_skin("a", [bound([[0, 0, 0, 0]] * 4, [[1, 0, 0, 0]] * 4)], chain(*names), influences=4, taken=["Hero"])
    assert after.names == ("mixamorig:Hips", "spine.001", "Arm L", "arm l_2", "mech", "hero_2")
    assert notes == (
        "joints were renamed, as engines want plain letters and ignore case: 'arm l' is arm l_2, 'меч' is mech, 'hero' is hero_2",
    )


def test_300_joints_are_told_of() -> None:
    names = [f"j{number}" for number in range(300)]
    (_,), after, notes = ready_skin("a", [bound([[299, 0, 0, 0]] * 4, [[1, 0, 0, 0]] * 4)], chain(*names), influences=4)
    assert len(after.names) == 300
    assert len(notes) == 1 and notes[0].startswith("300 joints")


@pytest.mark.parametrize(
    ("joints", "weights", "message"),
    [
        ([[0, 9, 0, 0]] * 4, [[0.5, 0.5, 0, 0]] * 4, "follow joint 9, but the skeleton has 2"),
        ([[0, 1, 0, 0]] * 4, [[1.5, -0.5, 0, 0]] * 4, "negative or no numbers"),
        ([[0, 1, 0, 0]] * 4, [[np.nan, 1, 0, 0]] * 4, "negative or no numbers"),
    ],
)
def test_skins_that_mean_nothing_are_refused(joints: object, weights: object, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        ready_skin("a", [bound(joints, weights)], chain("a", "b"), influences=4)
