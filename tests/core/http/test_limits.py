"""Limits of one answer, against servers that keep to none."""

from __future__ import annotations

import gzip
import json
import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erosion.core.http.errors import WebError
from erosion.core.http.limits import Limits, NestingError, parse_json
from erosion.core.http.retry import RetryPolicy
from erosion.core.http.session import Web
from tests.raw_server import Script, drips, floods, raw_server, sends

QUICK = RetryPolicy(tries=3, first_wait_s=0.01, longest_wait_s=0.1, connect_s=2.0, read_s=2.0)
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
SHORT = Limits(longest_s=0.4)


def refused(script: Script, limits: Limits, tries: int = 1) -> str:
    """Message of a request that fails; it was made so many times."""
    with raw_server(script) as (url, asked), Web(QUICK, catalog=url, limits=limits) as web:
        with pytest.raises(WebError) as failure:
            web.get_json(f"{url}/a?sig=secret")
        assert len(asked) == tries
    assert "secret" not in str(failure.value)
    return str(failure.value)


@pytest.mark.parametrize(
    "script",
    [
        drips(b"HTTP/1.1 200 OK\r\n", b"X-Drop: 1\r\n", 0.05),
        drips(b"HTTP/1.1 200 OK\r\nX-Drop: ", b"1", 0.05),
        drips(b"", b"H", 0.05),
        drips(OK + b"Content-Length: 100000\r\n\r\n", b" ", 0.05),
        drips(OK + b"Connection: close\r\n\r\n", b" ", 0.05),
        drips(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n", 0.05),
        drips(OK + b"Transfer-Encoding: chunked\r\n\r\n1;", b"x", 0.05),
        drips(b"HTTP/1.1 503 Busy\r\nContent-Length: 100000\r\n\r\n", b" ", 0.05),
        drips(b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", 0.05),
    ],
    ids=["headers", "header", "status", "body", "no length", "chunks", "chunk size", "error", "continue"],
)
def test_an_answer_that_drips_is_ended_and_not_asked_for_again(script: Script) -> None:
    started = time.monotonic()
    assert "not whole after 0.4 s" in refused(script, SHORT)
    assert time.monotonic() - started < 2.0, "a limit for each read would have let it go on"


@pytest.mark.parametrize(
    "script",
    [
        floods(OK + b"Connection: close\r\n\r\n", b" " * 10_000),
        floods(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"2710\r\n" + b" " * 10_000 + b"\r\n"),
        floods(OK + b"Content-Length: 3000000000\r\n\r\n", b" " * 10_000),
        floods(b"HTTP/1.1 404 No\r\nConnection: close\r\n\r\n", b" " * 10_000),
    ],
    ids=["no length", "chunks", "3 GB", "error"],
)
def test_an_answer_without_end_is_refused(script: Script) -> None:
    assert "more than 0.2 MB" in refused(script, Limits(most_bytes=200_000))


def test_the_limit_itself_is_taken() -> None:
    body = json.dumps({"a": "x" * 991}).encode()
    assert len(body) == 1000
    head = OK + b"Content-Length: 1000\r\nConnection: close\r\n\r\n"
    with raw_server(sends(head, body)) as (url, _):
        with Web(QUICK, catalog=url, limits=Limits(most_bytes=1000)) as web:
            assert web.get_json(url) == {"a": "x" * 991}
            assert web.bytes_read == 1000
        with Web(QUICK, catalog=url, limits=Limits(most_bytes=999)) as web, pytest.raises(WebError, match="more than"):
            web.get_json(url)


@pytest.mark.parametrize("packed", [1, 2, 3])
def test_an_answer_that_swells_is_refused_before_it_is_unpacked(packed: int) -> None:
    body = b" " * 50_000_000
    for _ in range(packed):
        body = gzip.compress(body)
    head = b"Content-Encoding: " + b", ".join([b"gzip"] * packed)
    script = sends(OK, head, b"\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body), body)
    tracemalloc.start()
    try:
        assert "more than 1 MB" in refused(script, Limits(most_bytes=1_000_000))
        assert tracemalloc.get_traced_memory()[1] < 30_000_000
    finally:
        tracemalloc.stop()


def test_the_body_of_a_redirect_is_not_read() -> None:
    head = b"HTTP/1.1 302 Found\r\nLocation: /b\r\nConnection: close\r\n\r\n"
    message = refused(floods(head, b" " * 10_000), Limits(most_bytes=200_000, longest_s=5.0), tries=6)
    assert "more than 5 redirects" in message


def test_an_answer_that_breaks_off_is_asked_for_again() -> None:
    message = refused(sends(OK + b"Content-Length: 10\r\n\r\n{"), Limits(), tries=3)
    assert "broke off (tried 3 times)" in message


@pytest.mark.parametrize("text", ["[" * 60 + "]" * 60, '{"a":' * 60 + "1" + "}" * 60, "[" * 100_000 + "]" * 100_000])
def test_json_that_is_nested_deep_is_refused(text: str) -> None:
    head = OK + b"Connection: close\r\n\r\n"
    assert "nested more than 50 levels deep" in refused(sends(head, text.encode()), Limits(most_depth=50))


@given(st.recursive(st.none() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_the_depth_is_that_of_the_brackets(document: object) -> None:
    def depth(node: object) -> int:
        inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
        return 1 + max(map(depth, inner), default=0) if isinstance(node, dict | list) else 0

    text, deep = json.dumps(document), depth(json.loads(json.dumps(document)))
    assert parse_json(text, Limits(most_depth=max(deep, 1))) == json.loads(text)
    if deep > 1:
        with pytest.raises(NestingError):
            parse_json(text, Limits(most_depth=deep - 1))


@pytest.mark.parametrize("text", ["", "{", "[1,", b"\xff\xfe\xfd", "NaN,"])
def test_what_is_no_json_is_no_nesting(text: str | bytes) -> None:
    with pytest.raises(ValueError) as error:
        parse_json(text, Limits())
    assert not isinstance(error.value, NestingError)
