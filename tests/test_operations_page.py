"""The examples of docs/operations.md do what the page says: run as written, with the rights that the page gives."""

from __future__ import annotations

import configparser
import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from erosion.nightly.published import DEGRADED, NOT_PUBLISHED, PUBLISHED

ROOT = Path(__file__).resolve().parent.parent
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", (ROOT / "docs" / "operations.md").read_text(encoding="utf-8"), re.M | re.S)

pytestmark = pytest.mark.skipif(os.name != "posix", reason="cron, systemd and shells of POSIX")


def blocks(language: str) -> list[str]:
    return [text for name, text in BLOCKS if name == language]


def crontab() -> tuple[dict[str, str], str]:
    """Return the variables of the crontab and its one command."""
    (text,) = blocks("cron")
    lines = text.splitlines()
    variables = dict(line.split("=", 1) for line in lines if re.match(r"[A-Z_]+=", line))
    (job,) = (line for line in lines if not re.match(r"[A-Z_]+=", line))
    command = re.fullmatch(r"(?:\S+\s+){5}(.*)", job)
    assert command
    assert "%" not in command[1]  # cron would end the command there
    return variables, command[1]


def service() -> tuple[dict[str, str], str]:
    """Return the variables of the systemd service and its command, run where the service runs it."""
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(blocks("ini")[0])
    section = unit["Service"]
    assert section["SuccessExitStatus"] == str(DEGRADED)
    return dict([section["Environment"].split("=", 1)]), f"cd {section['WorkingDirectory']} && {section['ExecStart']}"


@pytest.fixture
def srv(crop: Path, tmp_path: Path) -> Iterator[Path]:
    """``/srv/erosion`` as the page has it, with the short reach; products, store and log can be written, nothing else."""
    home = tmp_path / "srv"
    commands = home / "app" / ".venv" / "bin"
    commands.mkdir(parents=True)
    program = commands / "erosion"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -B -m erosion.cli "$@"\n')
    program.chmod(0o755)
    shutil.copytree(crop.parent, home / "app" / "crop")
    shutil.rmtree(home / "app" / "crop" / "store")
    for name in ("products", "store", "log"):
        (home / name).mkdir()
    closed = [home, home / "app", *(home / "app").rglob("*")]
    for path in closed:
        path.chmod(path.stat().st_mode & ~0o222)
    yield home
    for path in closed:
        path.chmod(path.stat().st_mode | 0o200)


def as_documented(job: tuple[dict[str, str], str], srv: Path, region: str) -> subprocess.CompletedProcess[str]:
    """Run a job with its own variables only, and without the right of root to write everywhere."""
    variables, command = job
    placed = {name: value.replace("/srv/erosion", str(srv)) for name, value in variables.items()}
    assert " run mamore " in command
    command = command.replace("/srv/erosion", str(srv)).replace(" run mamore ", f" run {region} ")
    shell = [placed.get("SHELL", "/bin/sh"), "-c", command]
    if os.geteuid() == 0:
        shell = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all", *shell]
    environment = {"PATH": os.environ["PATH"], "HOME": str(srv), **placed}
    return subprocess.run(shell, env=environment, cwd=srv, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("job", [crontab, service])
def test_a_job_as_documented_keeps_its_exit_code_and_has_the_rights_it_needs(job: object, srv: Path) -> None:
    region = "crop/mamore_crop.yaml"
    fine = as_documented(job(), srv, f"{region} --date 2009-08-16")  # type: ignore[operator]
    assert fine.returncode == PUBLISHED, fine.stdout + fine.stderr
    assert list((srv / "products" / "mamore_crop").glob("2009-08-16-*"))
    assert list((srv / "store").rglob("*.parquet"))

    late = as_documented(job(), srv, f"{region} --date 2010-07-18 --release mamore-20180708")  # type: ignore[operator]
    assert late.returncode == DEGRADED, late.stdout + late.stderr
    assert "hindsight" in late.stdout + late.stderr and "cannot write" not in late.stdout + late.stderr

    early = as_documented(job(), srv, f"{region} --date 1980-01-01")  # type: ignore[operator]
    assert early.returncode == NOT_PUBLISHED
    assert "was not published" in early.stdout + early.stderr
    if job is crontab:
        log = (srv / "log" / "erosion.log").read_text(encoding="utf-8")
        assert log == fine.stdout + late.stdout + early.stdout


def test_a_store_that_cannot_be_written_makes_the_run_degraded(srv: Path) -> None:
    """Why the page gives that right: the same job without it."""
    (srv / "store").chmod(0o555)
    done = as_documented(service(), srv, "crop/mamore_crop.yaml --date 2009-08-16")
    (srv / "store").chmod(0o755)
    assert done.returncode == DEGRADED, done.stdout + done.stderr


@pytest.mark.parametrize("text", blocks("sh"), ids=lambda text: text.split()[0])
def test_every_shell_example_is_shell(text: str) -> None:
    done = subprocess.run(["sh", "-n"], input=text, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_example_names_its_language() -> None:
    assert sorted(name for name, _ in BLOCKS) == ["bat", "cron", "ini", "ini", "json", "sh", "sh", "sh", "toml"]


@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="needs the sqlite3 program")
def test_the_backup_of_the_ledger_is_a_whole_database(tmp_path: Path) -> None:
    (tmp_path / "products").mkdir()
    (tmp_path / "backup").mkdir()
    with closing(sqlite3.connect(tmp_path / "products" / "ledger.sqlite")) as ledger, ledger:
        ledger.execute("PRAGMA journal_mode = WAL")
        ledger.execute("CREATE TABLE runs (run_id TEXT)")
        ledger.execute("INSERT INTO runs VALUES ('one')")
    (command,) = (text for text in blocks("sh") if text.startswith("sqlite3"))
    command = command.replace("/backup/", f"{tmp_path}/backup/")
    subprocess.run(["sh", "-c", command], cwd=tmp_path, check=True, timeout=60)
    (copy,) = (tmp_path / "backup").glob("ledger-????-??-??.sqlite")
    with closing(sqlite3.connect(copy)) as ledger:
        assert ledger.execute("SELECT run_id FROM runs").fetchall() == [("one",)]


def test_the_first_example_is_a_command_of_the_program(erosion: object) -> None:
    words = shlex.split(blocks("sh")[0])
    assert words[:2] == ["erosion", "run"]
    told = erosion("run", "--help").stdout  # type: ignore[operator]
    assert all(word in told for word in words if word.startswith("--"))
