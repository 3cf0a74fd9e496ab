"""Damage to a published run: every kind, to every file, is named; what is whole is hashed once."""

import json
import os

import pytest

from erosion.core.files import sha256_of
from erosion.publish import integrity
from erosion.publish.integrity import damage

FILES = {"segments.gpkg": b"g" * 900, "segments_1y.parquet": b"p" * 900, "decisions.parquet": b"d" * 900}


@pytest.fixture
def product(tmp_path):
    """A run's directory and the hash of its manifest."""
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    hashes = {name: sha256_of(tmp_path / name) for name in FILES}
    memory = {"decisions.parquet": hashes.pop("decisions.parquet")}
    manifest = {"outputs": hashes, "memory": memory, "segments": 120}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return tmp_path, sha256_of(tmp_path / "manifest.json")


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGE = {
    "missing": (lambda path: path.unlink(), "is missing"),
    "truncated": (lambda path: path.write_bytes(path.read_bytes()[:450]), "is not what was published"),
    "empty": (lambda path: path.write_bytes(b""), "is empty"),
    "one bit": (flip, "is not what was published"),
}


def test_a_whole_product_has_no_damage(product):
    directory, manifest = product
    assert damage(directory, manifest) == damage(directory) == {}


@pytest.mark.parametrize("kind", DAMAGE)
@pytest.mark.parametrize("name", FILES)
def test_every_damage_to_every_file_is_named(product, name, kind):
    directory, manifest = product
    assert damage(directory, manifest) == {}  # what was hashed before must not hide it
    spoil, fault = DAMAGE[kind]
    spoil(directory / name)
    assert damage(directory, manifest) == {name: fault}


def test_every_damaged_file_is_named(product):
    directory, manifest = product
    (directory / "segments.gpkg").unlink()
    flip(directory / "decisions.parquet")
    assert damage(directory, manifest) == {
        "segments.gpkg": "is missing",
        "decisions.parquet": "is not what was published",
    }


@pytest.mark.parametrize("kind", ["missing", "truncated", "empty"])
def test_a_manifest_that_cannot_be_read_is_named(product, kind):
    directory, manifest = product
    path = directory / "manifest.json"
    path.write_bytes(path.read_bytes()[:100]) if kind == "truncated" else DAMAGE[kind][0](path)
    (fault,) = damage(directory, manifest).items()
    assert fault[0] == "manifest.json"
    assert fault[1].startswith("is missing" if kind == "missing" else "cannot be read (")


def test_a_manifest_with_another_number_in_it_is_named(product):
    directory, manifest = product
    path = directory / "manifest.json"
    path.write_text(path.read_text(encoding="utf-8").replace("120", "121"), encoding="utf-8")
    assert damage(directory, manifest) == {"manifest.json": "is not what was published"}
    assert damage(directory) == {}  # listed by a program that kept no hash of it


@pytest.mark.parametrize(
    "content",
    ["{}", "[]", "7", '{"outputs": {}}', '{"outputs": [], "memory": {}}', '{"outputs": {"a": 1}, "memory": {}}'],
)
def test_a_manifest_of_another_shape_is_named(product, content):
    directory, _ = product
    (directory / "manifest.json").write_text(content, encoding="utf-8")
    (fault,) = damage(directory).values()
    assert fault.startswith("cannot be read (")


def test_a_manifest_cannot_point_outside(product):
    directory, _ = product
    (directory / "manifest.json").write_text('{"outputs": {"../x": "00"}, "memory": {}}', encoding="utf-8")
    assert "'../x' leaves the directory" in damage(directory)["manifest.json"]


def test_a_file_is_hashed_once_until_it_changes(product, monkeypatch):
    directory, manifest = product
    hashed = []

    def counted(path):
        hashed.append(path.name)
        return sha256_of(path)

    monkeypatch.setattr(integrity, "sha256_of", counted)
    for _ in range(3):
        assert damage(directory, manifest) == {}
    assert sorted(hashed) == sorted([*FILES, "manifest.json"])
    hashed.clear()
    os.utime(directory / "segments.gpkg", ns=(1, 1))
    assert damage(directory, manifest) == {}
    assert hashed == ["segments.gpkg"]
