"""A bad network, end to end on loopback: real requests, real GDAL reads, every way to fail that is named."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from erosion.core.errors import SourceError
from erosion.core.http.redaction import without_secrets
from erosion.core.http.retry import RetryPolicy, retry_after_s
from erosion.satellite import stac
from erosion.satellite.signing import Signer
from tests.made_scenes import make_corridor, make_source, optical, write_item
from tests.stac_server import StacServer

QUICK = RetryPolicy(tries=3, first_wait_s=0.02, longest_wait_s=2.0, connect_s=2.0, read_s=1.0)
CORRIDOR = make_corridor()
DAYS = ("2024-01-01", "2024-12-31")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("catalogue")
    write_item(root, "one", optical(1))
    write_item(root, "two", optical(11), "2024-03-04T03:20:00Z")
    return root


@pytest.fixture
def server(folder: Path) -> Iterator[StacServer]:
    Signer._tokens.clear()
    with StacServer(folder) as running:
        yield running


def first_pass(server: StacServer, **changes: object):
    source = make_source(server.api_url, **changes)
    refs, skipped = stac.find_passes(source, None, CORRIDOR, *DAYS, retry=QUICK)
    assert skipped == []
    return refs[0], source


def load(server: StacServer, **changes: object):
    ref, source = first_pass(server, **changes)
    return stac.load_pass(ref, source, CORRIDOR, QUICK)


def expected() -> np.ndarray:
    return optical(1)["green"][:120, :150] * np.float32(1e-4)


# --- what passes by ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "how"),
    [
        ("status", {"status": 500}),
        ("status", {"status": 503}),
        ("status", {"status": 429, "retry_after": "0"}),
        ("truncate", {}),
        ("hang", {"seconds": 5.0}),
        ("corrupt", {}),
    ],
)
def test_a_file_that_fails_for_a_while_is_read_in_the_end(server: StacServer, kind: str, how: dict) -> None:
    fault = server.fail(r"GET /files/.*one/green\.tif", kind, times=2, **how)
    scene = load(server)
    assert fault.hits > 2
    np.testing.assert_allclose(scene["green"].values, expected(), rtol=1e-6)


def test_broken_bytes_are_not_served_again_from_memory(server: StacServer) -> None:
    # The header is read well, the tiles come broken once: what GDAL keeps of them must go.
    fault = server.fail(r"GET /files/.*one/green\.tif", "corrupt", after=1, times=1)
    scene = load(server)
    assert fault.hits > 2
    np.testing.assert_allclose(scene["green"].values, expected(), rtol=1e-6)


def test_a_file_published_anew_under_its_old_name_is_read_anew(tmp_path: Path) -> None:
    write_item(tmp_path, "one", optical(1))
    with StacServer(tmp_path) as server:
        source = make_source(server.api_url)
        (ref,), _ = stac.find_passes(source, None, CORRIDOR, *DAYS, retry=QUICK)
        np.testing.assert_allclose(stac.load_pass(ref, source, CORRIDOR, QUICK)["green"].values, expected(), rtol=1e-6)
        write_item(tmp_path, "one", optical(7), properties={"updated": "2024-06-01T00:00:00Z"})
        (anew,), _ = stac.find_passes(source, None, CORRIDOR, *DAYS, retry=QUICK)
        assert anew.pass_id == ref.pass_id and anew.items_hash != ref.items_hash
        once = dataclasses.replace(QUICK, tries=1)  # nothing remembered of the old file gets in the way
        scene = stac.load_pass(anew, source, CORRIDOR, once)
    np.testing.assert_allclose(scene["green"].values, optical(7)["green"][:120, :150] * 1e-4, rtol=1e-6)


def test_a_slow_server_within_the_limit_is_waited_for(server: StacServer) -> None:
    server.fail(r"one/nir\.tif", "slow", seconds=0.3, times=2)
    np.testing.assert_allclose(load(server)["green"].values, expected(), rtol=1e-6)


def test_a_wait_that_the_server_asks_for_is_kept(server: StacServer) -> None:
    server.fail(r"GET /files/.*one/green\.tif", "status", status=429, retry_after="1", times=2)
    load(server)
    refused = [seen.at for seen in server.requests(r"one/green\.tif") if seen.status == 429]
    served = [seen.at for seen in server.requests(r"one/green\.tif") if seen.status in (200, 206)]
    # GDAL is refused, the wait is asked for and learnt; the file is not asked again before it is over.
    assert min(at for at in served if at > refused[0]) - refused[-1] >= 0.99


@pytest.mark.parametrize("kind", ["status", "truncate", "garbage", "hang"])
def test_a_search_that_fails_for_a_while_succeeds_in_the_end(server: StacServer, kind: str) -> None:
    server.fail(r"POST /api/search", kind, times=1, seconds=5.0, status=502)
    ref, _ = first_pass(server)
    assert [item.id for item in ref.items] == ["one"]


# --- what does not ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "how", "words"),
    [
        ("status", {"status": 500}, "HTTP 500 (tried 3 times)"),
        ("status", {"status": 404}, "does not have it (HTTP 404)"),
        ("status", {"status": 403}, "refuses it (HTTP 403)"),
        ("status", {"status": 429, "retry_after": "3600"}, "asks to wait 3600 s"),
        ("truncate", {}, "(tried 3 times)"),
        ("hang", {"seconds": 5.0}, "no answer within 1 s (tried 3 times)"),
        ("corrupt", {}, "broken or cut short"),
    ],
)
def test_a_file_that_cannot_be_had_is_named_with_its_reason(
    server: StacServer, kind: str, how: dict, words: str
) -> None:
    server.fail(r"GET /files/.*one/nir\.tif", kind, **how)
    with pytest.raises(SourceError) as failure:
        load(server)
    message = str(failure.value)
    assert message.startswith("one: nir (nir.tif): ")
    assert words in message


def test_broken_bytes_do_not_become_missing_pixels(tmp_path: Path) -> None:
    # Files without a nodata tag are read through a wrapper, which must hand the failure on.
    write_item(tmp_path, "one", optical(1), nodata=None)
    with StacServer(tmp_path) as server:
        server.fail(r"GET /files/.*one/nir\.tif", "corrupt")
        with pytest.raises(SourceError, match=r"one: nir \(nir.tif\): the file comes broken or cut short"):
            load(server)
        server.heal()
        assert np.isfinite(load(server)["nir"].values).all()


def test_what_is_gone_is_not_asked_for_again(server: StacServer) -> None:
    server.fail(r"one/green\.tif", "status", status=404)
    with pytest.raises(SourceError):
        load(server)
    assert len([seen for seen in server.requests(r"GET .*one/green\.tif") if seen.status == 404]) <= 2


def test_a_pass_from_a_server_that_is_always_just_fast_enough_is_given_up(server: StacServer) -> None:
    server.fail(r"GET /files/", "slow", seconds=0.3)
    ref, source = first_pass(server)
    started = time.monotonic()
    with pytest.raises(SourceError, match=r"one: \w+ \(\w+\.tif\): its pass is not read after 0.5 s"):
        stac.load_pass(ref, source, CORRIDOR, QUICK, longest_s=0.5)
    assert time.monotonic() - started < 10.0
    server.heal()
    np.testing.assert_allclose(stac.load_pass(ref, source, CORRIDOR, QUICK)["green"].values, expected(), rtol=1e-6)


def test_other_passes_go_on(server: StacServer) -> None:
    server.fail(r"/one/", "status", status=500)
    source = make_source(server.api_url)
    refs, _ = stac.find_passes(source, None, CORRIDOR, *DAYS, retry=QUICK)
    with pytest.raises(SourceError, match="one"):
        stac.load_pass(refs[0], source, CORRIDOR, QUICK)
    scene = stac.load_pass(refs[1], source, CORRIDOR, QUICK)
    np.testing.assert_allclose(scene["green"].values, optical(11)["green"][:120, :150] * 1e-4, rtol=1e-6)


def test_a_catalogue_that_cannot_be_read_is_an_error_with_its_reason(server: StacServer) -> None:
    server.fail(r"/api", "status", status=503)
    with pytest.raises(SourceError, match=r"made_s2: the catalogue cannot be read: .*HTTP 503 \(tried 3 times\)"):
        first_pass(server)


def test_a_search_that_keeps_failing_is_an_error(server: StacServer) -> None:
    server.fail(r"/api/search", "garbage")
    with pytest.raises(SourceError, match="catalogue cannot be read"):
        first_pass(server)


def test_no_server_at_all(folder: Path) -> None:
    with StacServer(folder) as gone:
        address = gone.api_url
    with pytest.raises(SourceError, match="connection refused"):
        stac.find_passes(make_source(address), None, CORRIDOR, *DAYS, retry=QUICK)


def test_one_unreadable_item_of_a_static_catalogue_is_listed_and_the_rest_goes_on(server: StacServer) -> None:
    server.fail(r"/one/one\.json", "status", status=404)
    source = make_source(f"{server.static_url}/catalog.json")
    refs, skipped = stac.find_passes(source, None, CORRIDOR, *DAYS, retry=QUICK)
    assert [item.id for ref in refs for item in ref.items] == ["two"]
    assert [(s.scene, "HTTP 404" in s.reason) for s in skipped] == [("one.json", True)]


def test_an_item_of_a_static_catalogue_that_may_come_back_is_reported_of_the_source(server: StacServer) -> None:
    # By this the store knows that the search was not read to its end.
    server.fail(r"/one/one\.json", "status", status=503)
    source = make_source(f"{server.static_url}/catalog.json")
    refs, skipped = stac.find_passes(source, None, CORRIDOR, *DAYS, retry=QUICK)
    assert [item.id for ref in refs for item in ref.items] == ["two"]
    assert [(s.scene, "one.json: HTTP 503" in s.reason) for s in skipped] == [("made_s2", True)]


# --- signatures and tokens --------------------------------------------------------------------------------------------


def signed(server: StacServer, monkeypatch: pytest.MonkeyPatch) -> StacServer:
    server.signed = True
    monkeypatch.setenv("EROSION_SAS_TOKENS", server.tokens_url)
    return server


def test_files_that_need_a_signature_get_one(server: StacServer, monkeypatch: pytest.MonkeyPatch) -> None:
    signed(server, monkeypatch)
    scene = load(server, signing="planetary_computer")
    np.testing.assert_allclose(scene["green"].values, expected(), rtol=1e-6)
    assert len(server.requests(r"/sas/token/made$")) == 1
    load(server, signing="planetary_computer")
    assert len(server.tokens) == 1, "a token that is good for an hour is asked for once"


def test_without_signature_the_server_refuses(server: StacServer, monkeypatch: pytest.MonkeyPatch) -> None:
    signed(server, monkeypatch)
    with pytest.raises(SourceError, match=r"one: \w+ \(\w+\.tif\): the server refuses it \(HTTP 403\)"):
        load(server)


def test_a_token_about_to_end_is_renewed(server: StacServer, monkeypatch: pytest.MonkeyPatch) -> None:
    signed(server, monkeypatch).token_seconds = 60.0  # less than the five minutes that a read may take
    load(server, signing="planetary_computer")
    assert len(server.tokens) > 1


def test_when_no_token_can_be_had_that_is_the_reason(server: StacServer, monkeypatch: pytest.MonkeyPatch) -> None:
    signed(server, monkeypatch)
    server.fail("/sas/token", "status", status=503)
    with pytest.raises(SourceError, match=r"one: .*/sas/token/made: HTTP 503 \(tried 3 times\)"):
        load(server, signing="planetary_computer")


def test_a_token_that_comes_late_is_waited_for(server: StacServer, monkeypatch: pytest.MonkeyPatch) -> None:
    signed(server, monkeypatch)
    server.fail("/sas/token", "status", status=429, retry_after="0", times=2)
    np.testing.assert_allclose(load(server, signing="planetary_computer")["green"].values, expected(), rtol=1e-6)


def test_a_revoked_token_is_replaced(server: StacServer, monkeypatch: pytest.MonkeyPatch) -> None:
    signed(server, monkeypatch)
    load(server, signing="planetary_computer")
    server.revoked.update(server.tokens)
    _, source = first_pass(server, signing="planetary_computer")
    refs, _ = stac.find_passes(source, None, CORRIDOR, *DAYS, retry=QUICK)
    scene = stac.load_pass(refs[1], source, CORRIDOR, QUICK)  # another file: GDAL remembers nothing of it
    assert np.isfinite(scene["green"].values).all()
    assert len(server.tokens) >= 2


def test_no_signature_in_messages_or_logs(
    server: StacServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    signed(server, monkeypatch)
    server.fail(r"one/nir\.tif", "status", status=500)
    with caplog.at_level(logging.DEBUG), pytest.raises(SourceError) as failure:
        load(server, signing="planetary_computer")
    assert server.tokens
    for token in server.tokens:
        secret = token.removeprefix("sig=")
        assert secret not in str(failure.value)
        assert secret not in caplog.text


def test_a_bearer_token_comes_from_the_environment_and_shows_nowhere(
    server: StacServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    server.bearer = "very-secret-word"
    monkeypatch.setenv("MADE_TOKEN", "very-secret-word")
    with caplog.at_level(logging.DEBUG):
        scene = load(server, token_env="MADE_TOKEN")
        np.testing.assert_allclose(scene["green"].values, expected(), rtol=1e-6)
        server.fail(r"two/green\.tif", "status", status=500)
        refs, _ = stac.find_passes(
            source := make_source(server.api_url, token_env="MADE_TOKEN"), None, CORRIDOR, *DAYS, retry=QUICK
        )
        with pytest.raises(SourceError) as failure:
            stac.load_pass(refs[1], source, CORRIDOR, QUICK)
    assert "very-secret-word" not in str(failure.value)
    assert "very-secret-word" not in caplog.text


def test_a_missing_token_is_named(server: StacServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MADE_TOKEN", raising=False)
    with pytest.raises(SourceError, match="environment variable MADE_TOKEN"):
        load(server, token_env="MADE_TOKEN")


def test_a_wrong_token_is_refused_and_not_shown(server: StacServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.bearer = "the-right-one"
    monkeypatch.setenv("MADE_TOKEN", "the-wrong-one")
    with pytest.raises(SourceError, match="HTTP 401") as failure:
        load(server, token_env="MADE_TOKEN")
    assert "the-wrong-one" not in str(failure.value)


# --- small rules ------------------------------------------------------------------------------------------------------


def test_retry_after_in_both_forms() -> None:
    assert retry_after_s("7") == 7.0
    assert retry_after_s("Fri, 31 Dec 1999 23:59:59 GMT") == 0.0
    assert retry_after_s("Fri, 31 Dec 2999 23:59:59 GMT") > 1e9
    assert retry_after_s(None) is None
    assert retry_after_s("soon") is None


def test_waits_grow_and_end() -> None:
    retry = RetryPolicy(first_wait_s=2.0, longest_wait_s=20.0)
    for failures, most in ((1, 2.0), (2, 4.0), (3, 8.0), (9, 20.0)):
        assert 0.75 * most <= retry.wait_s(failures) <= most
    assert retry.wait_s(1, retry_after_s=13.0) == 13.0


def test_secrets_are_taken_out_of_texts() -> None:
    text = "open https://a.blob.core.raster.windows.net/x/B03.tif?sv=1&sig=abc: Authorization: Bearer q.w-e failed with key"
    plain = without_secrets(text, ("key",))
    assert without_secrets("https://me:pass@stac.agency.org/v1?x=1: HTTP 401") == "https://stac.agency.org/v1 HTTP 401"
    assert plain == "open https://a.blob.core.raster.windows.net/x/B03.tif Authorization: Bearer *** failed with ***"
