"""Assets on the shelf: kept whole, found, and never swept while somebody needs them."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from kiln.errors import InputError, StorageError
from kiln.storage import Store
from kiln.storage.blobs import blob_key
from kiln.storage.record import AssetFile, AssetRecord, read_record
from kiln.storage.shelf import Shelf
from kiln.storage.sweep import sweep
from stores import KINDS, new_store

NOON = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
FILES = {"knight.glb": b"model", "textures/knight_orm.png": b"map", "manifest.json": b"{}"}
LATER = 4_000_000_000.0
"""After everything these tests put."""


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with new_store(request.param, tmp_path) as found:
        yield found


@pytest.fixture
def shelf(store: Store) -> Shelf:
    return Shelf(store)


def add(shelf: Shelf, number: int = 0, **given: object) -> AssetRecord:
    files = given.pop("files", FILES)
    return shelf.add(files, **{"name": f"asset_{number}", "created": NOON + timedelta(hours=number), **given})  # type: ignore[arg-type]


def test_what_is_added_is_known_and_comes_back(shelf: Shelf) -> None:
    picture = shelf.keep(b"a picture", media_type="image/png")
    made = add(shelf, prompt="a knight", tags=["hero"], pictures=[picture], recipe="prop")
    found = shelf.get(made.id)
    assert found == made
    assert {file.name: shelf.read(file) for file in found.files} == FILES
    assert (found.prompt, found.tags, found.pictures, found.size) == ("a knight", ("hero",), (picture,), 10)
    assert found.id.startswith("20261120t120000-")


def test_a_call_repeated_after_a_crash_gives_one_asset(shelf: Shelf) -> None:
    assert add(shelf, token="0job0001") == add(shelf, token="0job0001")  # noqa: S106 - no password
    assert len(shelf.search().assets) == 1


def test_an_id_says_the_time_in_utc(shelf: Shelf) -> None:
    there = NOON.astimezone(timezone(timedelta(hours=9)))
    assert add(shelf, created=there).id.startswith("20261120t120000-")


def test_assets_are_listed_from_the_newest_on(shelf: Shelf) -> None:
    made = [add(shelf, number) for number in (3, 1, 4, 0, 2)]
    newest_first = sorted((record.id for record in made), reverse=True)
    assert [record.id for record in shelf.search().assets] == newest_first
    first = shelf.search(limit=2)
    second = shelf.search(limit=2, cursor=first.cursor)
    third = shelf.search(limit=2, cursor=second.cursor)
    assert [record.id for page in (first, second, third) for record in page.assets] == newest_first
    assert third.cursor is None
    assert shelf.search(limit=5).cursor is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", 3),
        ("KNIGHT", 2),
        ("knight sword", 1),
        ("straße", 1),
        ("STRASSE", 1),
        ("tree", 1),
        ("asset_2", 1),
        ("dragon", 0),
        ("kni ght", 2),
    ],
)
def test_every_word_must_be_somewhere(shelf: Shelf, text: str, found: int) -> None:
    add(shelf, 0, prompt="a knight with a sword")
    add(shelf, 1, tags=["Knight", "Straße"])
    add(shelf, 2, prompt="a tree")
    assert len(shelf.search(text).assets) == found


def test_files_that_are_alike_are_kept_once(shelf: Shelf) -> None:
    add(shelf, 0)
    add(shelf, 1)
    assert len(list(shelf.store.keys("assets/files"))) == 3


def stored(shelf: Shelf, **files: bytes) -> list[AssetFile]:
    """Contents as a job leaves them in the store."""
    made = []
    for name, data in files.items():
        sha256 = hashlib.sha256(data).hexdigest()
        kept = shelf.store.put(blob_key(sha256), data)
        made.append(AssetFile(name=f"{name}.glb", key=kept.key, sha256=sha256, size=kept.size))
    return made


def test_a_jobs_files_go_onto_the_shelf_where_they_lie(shelf: Shelf) -> None:
    made = shelf.add_stored(stored(shelf, b=b"two", a=b"one"), name="knight", created=NOON, token="0job0001", tenant="studio")  # noqa: S106
    assert [file.name for file in made.files] == ["a.glb", "b.glb"]
    assert {file.name: shelf.read(file) for file in made.files} == {"a.glb": b"one", "b.glb": b"two"}
    assert list(shelf.store.keys("assets/files")) == []
    again = shelf.add_stored(made.files, name="knight", created=NOON, token="0job0001", tenant="studio")  # noqa: S106 - no password
    assert (again, len(shelf.search(tenant="studio").assets)) == (made, 1)
    assert shelf.sweep(older_than=LATER, folders=["blobs"]).trashed == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"key": f"blobs/aa/{'a' * 64}"}, "a.glb is not in the store"),
        ({"sha256": "0" * 64}, "another content"),
        ({"size": 9}, "another content"),
    ],
)
def test_what_is_not_there_as_it_is_said_does_not_go_onto_the_shelf(shelf: Shelf, change: dict[str, object], message: str) -> None:
    (file,) = stored(shelf, a=b"one")
    with pytest.raises(InputError, match=message):
        shelf.add_stored([file.model_copy(update=change)], name="knight", created=NOON)
    assert shelf.search().assets == ()


def test_a_content_that_was_swept_before_its_record_was_written_comes_back(store: Store) -> None:
    class Late(Store):
        def put(self, key: str, content: object, **given: object) -> object:  # type: ignore[override]
            if key.startswith("assets/records/"):
                assert len(Shelf(store).sweep(older_than=LATER, folders=["blobs"]).trashed) == 1
            return store.put(key, content, **given)  # type: ignore[arg-type]

    shelf = Shelf(Late(store._bucket, link=store._link))
    files = stored(Shelf(store), a=b"one")
    made = shelf.add_stored(files, name="knight", created=NOON)
    assert store.lies_at(files[0].key)
    assert shelf.get(made.id) == made


def test_a_record_whose_content_was_deleted_for_good_meanwhile_does_not_stay(store: Store) -> None:
    class Late(Store):
        def put(self, key: str, content: object, **given: object) -> object:  # type: ignore[override]
            if key.startswith("assets/records/"):
                store.delete(files[0].key)
            return store.put(key, content, **given)  # type: ignore[arg-type]

    shelf = Shelf(Late(store._bucket, link=store._link))
    files = stored(Shelf(store), a=b"one")
    with pytest.raises(InputError, match="put it there again"):
        shelf.add_stored(files, name="knight", created=NOON)
    assert shelf.search().assets == ()


@pytest.mark.parametrize("other", ["studio2", "Studio", "local", "con", "a.b", "x" * 64])
def test_a_tenants_assets_are_nobody_elses(shelf: Shelf, other: str) -> None:
    mine, theirs = add(shelf, 0, tenant="studio"), add(shelf, 1, tenant=other)
    assert shelf.search(tenant="studio").assets == (mine,)
    assert shelf.search("asset", tenant=other).assets == (theirs,)
    assert shelf.get(theirs.id, tenant=other).tenant == other
    for call in (shelf.get, shelf.remove):
        with pytest.raises(InputError, match="no asset"):
            call(theirs.id, tenant="studio")
    assert shelf.live_keys() == mine.keys | theirs.keys
    shelf.remove(theirs.id, tenant=other)
    assert (shelf.search(tenant=other).assets, shelf.search(tenant="studio").assets) == ((), (mine,))


@pytest.mark.parametrize("tenant", ["", "../x", "a b", "-a", "x" * 65, "a\n"])
def test_what_is_no_tenant_has_no_assets(shelf: Shelf, tenant: str) -> None:
    with pytest.raises(InputError, match="tenant"):
        add(shelf, tenant=tenant)
    assert shelf.search(tenant=tenant).assets == ()


def test_a_record_laid_into_anothers_folder_is_not_shown(shelf: Shelf) -> None:
    made = add(shelf, tenant="studio")
    (key,) = shelf.store.keys("assets/tenants")
    add(shelf, 1, tenant="rival")
    (rivals,) = set(shelf.store.keys("assets/tenants")) - {key}
    shelf.store.copy(key, rivals, instead=True)
    assert shelf.search(tenant="rival").assets == ()
    assert len(shelf.search("asset", tenant="rival").damaged) == 1
    assert made == shelf.get(made.id, tenant="studio")


def test_a_second_search_opens_only_what_it_shows(shelf: Shelf) -> None:
    for number in range(12):
        add(shelf, number, prompt="dragon" if number == 5 else "tree")
    opened, real = [], shelf.store._bucket.open
    shelf.store._bucket.open = lambda key: opened.append(key) or real(key)  # type: ignore[method-assign, func-returns-value]
    assert len(shelf.search("dragon").assets) == 1
    assert len(opened) == 12
    assert [record.prompt for record in shelf.search("dragon").assets] == ["dragon"]
    assert len(opened) == 13
    assert shelf.search("zebra").assets == ()
    assert len(opened) == 13
    shelf.remove(shelf.search("dragon").assets[0].id)
    assert shelf.search("dragon").assets == ()


@pytest.mark.parametrize(
    "path", ["", "/etc/passwd", "../x", "a/../b", "a//b", "./a", "a\\b", "C:x", "a\0", "a\n", "x" * 241, "a/ b", "a?", "a/"]
)
def test_a_file_that_would_be_written_elsewhere_is_refused(shelf: Shelf, path: str) -> None:
    with pytest.raises(InputError, match="path inside a package"):
        add(shelf, files={path: b""})
    assert list(shelf.store.keys()) == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"name": "a/b"}, "name"),
        ({"name": ""}, "name"),
        ({"prompt": "x" * 10_001}, "prompt"),
        ({"tags": ["x"] * 101}, "tags"),
        ({"tags": [""]}, "tags"),
        ({"files": {}}, "files"),
        ({"created": datetime(2026, 1, 1)}, "created"),  # without a zone
        ({"token": "UPPER"}, "token"),
        ({"token": "a/../b"}, "token"),
        ({"pictures": ["../a"]}, "pictures"),
        ({"pictures": ["uploads/none.png"]}, "not in the store"),
    ],
)
def test_what_no_record_takes_is_refused_before_anything_is_kept(shelf: Shelf, given: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        add(shelf, **given)
    assert list(shelf.store.keys()) == []


@pytest.mark.parametrize("id", ["", "x", "../../etc", "20261120t120000-", "20261120t120000-aaaa/../b", "20261120t120000-AAAA"])
def test_a_strange_id_is_refused(shelf: Shelf, id: str) -> None:  # noqa: A002 - the name of the field
    for call in (shelf.get, shelf.remove, lambda cursor: shelf.search(cursor=cursor)):
        with pytest.raises(InputError, match="no id of an asset"):
            call(id)


def test_an_asset_that_is_not_there_is_the_users_mistake(shelf: Shelf) -> None:
    for call in (shelf.get, shelf.remove):
        with pytest.raises(InputError, match="no asset 20261120t120000-aaaa"):
            call("20261120t120000-aaaa")


def test_a_damaged_record_hides_no_other_and_can_be_removed(shelf: Shelf) -> None:
    made = add(shelf, 0)
    bad = f"assets/records/{'9' * 8}t{'9' * 6}-zzzz"
    shelf.store.put(bad, b'{"version": 1}')
    found = shelf.search()
    assert [record.id for record in found.assets] == [made.id]
    assert found.damaged == ("00000000t000000-zzzz",)
    with pytest.raises(StorageError, match="no record"):
        shelf.sweep(older_than=LATER)  # what the damaged one needs is not known, so nothing is swept
    shelf.remove(found.damaged[0])
    assert shelf.search().damaged == ()


@pytest.mark.parametrize("data", [b"", b"null", b"[" * 9999, b'{"version": 2}', b'{"files": [{"name": "../../x"}]}', b"\xff"])
def test_no_record_is_trusted(data: bytes) -> None:
    with pytest.raises(StorageError) as error:
        read_record(data, key="assets/records/x")
    assert error.value.kind == "damaged"


def test_a_removed_assets_files_are_swept_unless_another_has_them(shelf: Shelf) -> None:
    gone = add(shelf, 0, files={"own.glb": b"own", "shared.png": b"shared"})
    kept = add(shelf, 1, files={"shared.png": b"shared"})
    shelf.remove(gone.id)
    swept = shelf.sweep(older_than=LATER)
    assert swept.trashed == (next(file.key for file in gone.files if file.name == "own.glb"),)
    assert swept.deleted == ()
    assert shelf.read(kept.files[0]) == b"shared"
    again = shelf.sweep(older_than=LATER)
    assert (again.deleted, again.trashed, again.freed) == (swept.trashed, (), 3)
    assert len(list(shelf.store.keys())) == 2


def test_what_is_young_or_kept_is_not_swept(shelf: Shelf) -> None:
    add(shelf, 0)
    orphan = shelf.keep(b"for a job that runs", media_type="image/png")
    assert shelf.sweep(older_than=0.0).trashed == ()
    assert shelf.sweep(older_than=LATER, keep=lambda: {orphan}).trashed == ()
    assert shelf.sweep(older_than=LATER).trashed == (orphan,)


def test_what_is_needed_again_comes_back_from_the_trash(shelf: Shelf) -> None:
    orphan = shelf.keep(b"picture", media_type="image/png")
    assert shelf.sweep(older_than=LATER).trashed == (orphan,)
    assert shelf.sweep(older_than=LATER, keep=lambda: {orphan}).restored == (orphan,)
    assert shelf.store.get(orphan) == b"picture"
    assert shelf.store.head(orphan).media_type == "image/png"
    assert shelf.sweep(older_than=LATER, keep=lambda: {orphan}).deleted == ()
    assert list(shelf.store.keys("trash")) == []  # until their time is over, what came back is in both places
    assert shelf.store.get(orphan) == b"picture"


def test_a_record_written_between_mark_and_sweep_loses_nothing(shelf: Shelf) -> None:
    """The sweep has read what is needed; then an asset is added that finds its file already there."""
    shelf.keep(b"model", media_type="model/gltf-binary")
    made: list[AssetRecord] = []

    def keep() -> set[str]:  # asked after the shelf's own records were read
        if not made:
            made.append(add(shelf, files={"a.glb": b"model"}))
        return set()

    swept = shelf.sweep(older_than=LATER, keep=keep)
    assert swept.restored == (made[0].files[0].key,)
    assert shelf.read(made[0].files[0]) == b"model"


def test_a_record_written_after_the_sweep_has_looked_twice_puts_its_file_again(store: Store) -> None:
    """The file is there when the writer puts it, and is swept whole before the record is written."""

    class Late(Store):
        def put(self, key: str, content: object, **given: object) -> object:  # type: ignore[override]
            if key.startswith("assets/records/"):
                assert Shelf(store).sweep(older_than=LATER).trashed
            return store.put(key, content, **given)  # type: ignore[arg-type]

    Shelf(store).keep(b"model", media_type="model/gltf-binary")
    late = Late(store._bucket, link=store._link)
    made = add(Shelf(late), files={"a.glb": b"model"})
    assert Shelf(store).read(made.files[0]) == b"model"


@pytest.mark.parametrize("folder", ["", "/", "trash", "trash/assets"])
def test_the_whole_store_and_its_trash_are_never_swept(shelf: Shelf, folder: str) -> None:
    with pytest.raises(InputError, match="not the whole store"):
        shelf.sweep(older_than=LATER, folders=[folder])


def test_an_asset_whose_record_was_never_written_is_not_there_and_leaves_no_room_taken(store: Store) -> None:
    class Dying(Store):
        def put(self, key: str, content: object, **given: object) -> object:  # type: ignore[override]
            if key.startswith("assets/records/"):
                raise KeyboardInterrupt
            return store.put(key, content, **given)  # type: ignore[arg-type]

    with pytest.raises(KeyboardInterrupt):
        add(Shelf(Dying(store._bucket, link=store._link)))
    shelf = Shelf(store)
    assert shelf.search().assets == ()
    assert len(shelf.sweep(older_than=LATER).trashed) == 3
    shelf.sweep(older_than=LATER)
    assert list(store.keys()) == []


def test_another_content_under_a_key_that_is_in_the_trash_does_not_stop_a_sweep(shelf: Shelf) -> None:
    for content in (b"first", b"second"):
        shelf.store.put("uploads/a", content)
        assert sweep(shelf.store, ["uploads"], older_than=LATER, needed=lambda _: ()).trashed == ("uploads/a",)
    assert shelf.store.get("trash/uploads/a") == b"second"
    shelf.store.put("uploads/a", b"third")
    sweep(shelf.store, ["uploads"], older_than=0.0, needed=lambda _: {"uploads/a"})
    assert shelf.store.get("uploads/a") == b"third"


def test_a_sweep_that_dies_after_moving_is_mended_by_the_next(shelf: Shelf) -> None:
    needed = shelf.keep(b"picture", media_type="image/png")
    answers: list[set[str]] = [set()]

    def live(keys: Collection[str]) -> set[str]:
        if not answers:
            raise KeyboardInterrupt
        return answers.pop()

    with pytest.raises(KeyboardInterrupt):
        sweep(shelf.store, ["assets/files"], older_than=LATER, needed=live)
    assert list(shelf.store.keys()) == [f"trash/{needed}"]
    assert sweep(shelf.store, ["assets/files"], older_than=LATER, needed=lambda _: {needed}).restored == (needed,)
    assert shelf.store.get(needed) == b"picture"


def test_one_damaged_content_in_the_trash_keeps_no_other_from_coming_back(shelf: Shelf) -> None:
    keys = [shelf.keep(data, media_type="image/png") for data in (b"one", b"two", b"three")]
    shelf.sweep(older_than=LATER)
    shelf.store.put(keys[1], b"two")  # put again since
    bucket = shelf.store._bucket
    real = bucket.copy

    def copy(key: str, to: str, *, instead: bool) -> None:
        if key == f"trash/{keys[0]}":
            raise StorageError(f"{key} is damaged", kind="damaged")
        real(key, to, instead=instead)

    bucket.copy = copy  # type: ignore[method-assign]
    with pytest.raises(StorageError, match="damaged"):
        shelf.sweep(older_than=0.0, keep=lambda: set(keys))
    assert (shelf.store.get(keys[1]), shelf.store.get(keys[2])) == (b"two", b"three")
