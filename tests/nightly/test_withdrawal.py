"""A run that a person withdraws: its files stay, the map shows the run before, and its inputs do not bring it back."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from erosion.alerts import ledger
from erosion.config.region import load_region
from erosion.nightly import withdrawal
from erosion.nightly.errors import RunError
from erosion.nightly.published import NOT_PUBLISHED, PUBLISHED, published
from erosion.nightly.run import run
from erosion.nightly.withdrawal import withdraw
from erosion.workflow import staff
from erosion.workflow.errors import RefusedError
from tests.nightly.made_runs import THIRD, assert_agreed, assert_whole, home_of


@pytest.fixture
def own(three_runs: Path, tmp_path: Path) -> Path:
    """Products of three dates, with an administrator."""
    out = Path(shutil.copytree(three_runs, tmp_path / "out"))
    engine = ledger.open_ledger(out / "ledger.sqlite")
    staff.set_person(engine, None, login="an", name="Nguyễn Văn An", role="administrator")
    engine.dispose()
    return out


@pytest.fixture
def engine(own: Path) -> Iterator[ledger.Ledger]:
    found = ledger.open_ledger(own / "ledger.sqlite")
    yield found
    found.dispose()


def test_the_run_before_is_shown_and_the_next_run_goes_on_from_it(
    own: Path, engine: ledger.Ledger, region_file: Path
) -> None:
    *_, second, third = assert_whole(own)
    directory = home_of(own) / published(home_of(own))["runs"][-1]["directory"]
    files = {path.name: path.read_bytes() for path in directory.iterdir()}
    assert withdraw(engine, own, third, "wrong masks", "an") == ("mamore_crop", second)
    assert assert_whole(own)[-1] == second
    assert {path.name: path.read_bytes() for path in directory.iterdir()} == files
    assert_agreed(own)
    # The same inputs do not bring it back; those of another date go on from the run before.
    again = run(load_region(region_file), THIRD, own)
    assert again.exit_code == NOT_PUBLISHED
    assert "Nguyễn Văn An withdrew" in again.messages[0] and "wrong masks" in again.messages[0]
    assert assert_whole(own)[-1] == second
    after = run(load_region(region_file), THIRD.replace(year=2012), own)
    assert after.exit_code == PUBLISHED, after.messages
    assert len(assert_whole(own)) == 3
    assert_agreed(own)


def test_a_mended_run_of_the_date_takes_its_place(own: Path, engine: ledger.Ledger, crop: Path, edit: Callable) -> None:
    third = assert_whole(own)[-1]
    withdraw(engine, own, third, "wrong policy", "an")
    edit(crop, attribution=None, title={"vi": "Sửa", "en": "Mended"})
    mended = run(load_region(crop), THIRD, own)
    assert mended.exit_code == PUBLISHED, mended.messages
    assert assert_whole(own)[-1] != third and len(assert_whole(own)) == 3
    assert_agreed(own)


def test_killed_between_ledger_and_list_it_is_finished_by_asking_again(
    own: Path, engine: ledger.Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    third = assert_whole(own)[-1]
    with monkeypatch.context() as patch:

        def killed(*_: object) -> None:
            raise KeyboardInterrupt

        patch.setattr(withdrawal, "_take_off_list", killed)
        with pytest.raises(KeyboardInterrupt):
            withdraw(engine, own, third, "wrong masks", "an")
    assert len(published(home_of(own))["runs"]) == 3
    withdraw(engine, own, third, "wrong masks", "an")
    assert len(published(home_of(own))["runs"]) == 2
    with ledger.querying(engine) as connection:
        assert len(ledger.audit.audit_rows(connection, "run", third)) == 1


def test_what_is_refused_changes_nothing(own: Path, engine: ledger.Ledger) -> None:
    before = (home_of(own) / "published.json").read_bytes()
    _, second, third = assert_whole(own)
    with pytest.raises(RefusedError, match="nobody active has the login boss"):
        withdraw(engine, own, third, "x", "boss")
    with pytest.raises(ledger.LedgerError, match="only the newest run"):
        withdraw(engine, own, second, "x", "an")
    with pytest.raises(ledger.LedgerError, match="no run nothing"):
        withdraw(engine, own, "nothing", "x", "an")
    with FileLock(home_of(own) / ".lock"), pytest.raises(RunError, match=r"withdraw .* when it has ended"):
        withdraw(engine, own, third, "x", "an")
    assert (home_of(own) / "published.json").read_bytes() == before
    assert ledger.last_run(engine, "mamore_crop")["as_of"] == THIRD.tz_localize("UTC")
