"""JSON files that are replaced at once, hold what JSON can hold, and are known by their hash."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from erosion.core.files import files_digest, sha256_of, sync, write_json


def test_numbers_arrays_and_instants_become_json(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(
        path,
        {
            "n": np.int64(3),
            "x": np.float32(0.5),
            "nan": float("nan"),
            "inf": np.float64("inf"),
            "flag": np.bool_(True),
            "array": np.array([[1.0, np.nan], [2.5, -np.inf]]),
            "pair": (np.int8(1), "ố"),
            "time": pd.Timestamp("2021-02-03T04:05Z"),
            "inner": {7: np.float64(1.5)},
        },
    )
    text = path.read_text(encoding="utf-8")
    assert json.loads(text) == {
        "n": 3, "x": 0.5, "nan": None, "inf": None, "flag": True, "array": [[1.0, None], [2.5, None]], "pair": [1, "ố"],
        "time": "2021-02-03T04:05:00+00:00", "inner": {"7": 1.5},
    }  # fmt: skip
    assert "ố" in text and text.endswith("}\n") and b"\r" not in path.read_bytes()


def test_a_file_that_cannot_be_written_leaves_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        write_json(path, {"a": 2, "b": object()})
    assert json.loads(path.read_text()) == {"a": 1}
    assert [item.name for item in tmp_path.iterdir()] == ["a.json"]


READER = """
import json, sys
from pathlib import Path
path = Path(sys.argv[1])
read = set()
(path.parent / "ready").touch()
while not (path.parent / "stop").exists():
    content = json.loads(path.read_text())
    assert len(content["many"]) == 5000 and len(set(content["many"])) == 1, "half of one file and half of another"
    read.add(content["many"][0])
print(len(read))
"""


def test_a_reader_gets_one_file_or_the_other(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"many": [0] * 5000})
    with subprocess.Popen(
        [sys.executable, "-c", READER, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as reader:
        while not (tmp_path / "ready").exists() and reader.poll() is None:
            time.sleep(0.01)
        for k in range(1, 200):
            write_json(path, {"many": [k] * 5000})
        (tmp_path / "stop").touch()
        out, err = reader.communicate()
    assert reader.returncode == 0, err.decode()
    assert int(out) >= 2, "it read while it was written"


def test_hashes_of_a_file_and_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(b"two")
    (tmp_path / "a").write_bytes(b"one")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "c").write_bytes(b"not of the folder itself")
    one, two = (hashlib.sha256(content).hexdigest() for content in (b"one", b"two"))
    assert sha256_of(tmp_path / "a") == one
    whole = files_digest(tmp_path)
    assert whole == hashlib.sha256(f"a:{one}b:{two}".encode()).hexdigest()
    (tmp_path / "a").rename(tmp_path / "z")
    assert files_digest(tmp_path) != whole, "a name is part of it"
    sync(tmp_path)
