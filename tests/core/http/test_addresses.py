"""Addresses: how they are read, how far they reach, and where a token may go; by notation alone, without a network."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erosion.core.http.addresses import (
    AddressError,
    WebAddress,
    is_near,
    may_have_token,
    off_limits,
    parse,
    reach_of,
)

PUBLIC = "https://stac.agency.org/v1"


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("https://stac.agency.org", ("https", "stac.agency.org", 443)),
        ("HTTPS://Stac.Agency.ORG./v1?x=1#y", ("https", "stac.agency.org", 443)),
        ("http://10.0.0.1:8080/a b/sông.json", ("http", "10.0.0.1", 8080)),
        ("http://[2001:db8::1]:81/x", ("http", "2001:db8::1", 81)),
        ("http://host_1:9/?http://other@x/", ("http", "host_1", 9)),
        ("http://files.xn--n3h.example/x", ("http", "files.xn--n3h.example", 80)),
    ],
)
def test_a_plain_address_is_read(url: str, parts: tuple[str, str, int]) -> None:
    assert parse(url) == WebAddress(*parts)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://good.org\\@127.0.0.1/x", "backslash"),
        ("http://good.org\\.evil.org/x", "backslash"),
        ("http://good.org/\nHost: x", "control character"),
        ("http://good\t.org/", "control character"),
        ("http://good.org/\x85", "control character"),
        ("http://user@good.org/", "user or password"),
        ("http://user:word@good.org/", "user or password"),
        ("http://good.org:80@127.0.0.1/", "user or password"),
        ("http://١٢٧.٠.٠.١/x", "other characters"),  # Arabic-Indic digits, which int() takes
        ("http://１２７.0.0.1/x", "other characters"),  # full-width digits, which IDNA makes plain
        ("http://good.org:٨٠/x", "other characters"),
        ("http://good.org:８０/x", "other characters"),
        ("http://gооd.org/x", "other characters"),  # Cyrillic
        ("http://127。0。0。1/x", "other characters"),  # ideographic full stops
        ("http://ⓛocalhost/x", "other characters"),
        ("http://good.org:/x:80/", "other characters"),
        ("http://good.org:-1/", "other characters"),
        ("http://good.org:0/", "port 0"),
        ("http://good.org:65536/", "port 65536"),
        ("http://127.1/", "unusual way"),
        ("http://2130706433/", "unusual way"),
        ("http://0x7f000001/", "unusual way"),
        ("http://0x7f.0.0.1/", "unusual way"),
        ("http://0177.0.0.1/", "unusual way"),
        ("http://127.0.0.01/", "unusual way"),
        ("http://127.0.0.1../", "no name"),
        ("http://1.2.3.4.5/", "unusual way"),
        ("http://[::1%25lo]/", "other characters"),
        ("http://[::ffff:127.0.0.1/", "other characters"),
        ("http://[fe80::1]x/", "other characters"),
        ("http://[::zz]/", "other characters"),
        ("http:///x", "other characters"),
        ("http://good.org%2f@x/", "user or password"),
        ("http://good%00.org/", "other characters"),
        ("http://.org/", "no name"),
        ("http://-x.org/", "no name"),
        ("http://a..b/", "no name"),
        (f"http://{'a' * 64}.org/", "no name"),
        ("ftp://good.org/", "no address on the web"),
        ("file:///etc/passwd", "no address on the web"),
        ("//good.org/x", "no address on the web"),
        ("good.org", "no address on the web"),
        (" http://good.org/", "no address on the web"),
        ("", "no address on the web"),
    ],
)
def test_an_address_that_programs_could_read_in_two_ways_is_refused(url: str, words: str) -> None:
    with pytest.raises(AddressError, match=words):
        parse(url)


@pytest.mark.parametrize(
    ("ip", "reach"),
    [
        ("8.8.8.8", "public"),
        ("2606:4700:4700::1111", "public"),
        ("64:ff9b::808:808", "public"),  # NAT64 of 8.8.8.8
        ("2002:808:808::1", "public"),  # 6to4 of 8.8.8.8
        ("::ffff:8.8.8.8", "public"),
        ("10.1.2.3", "private"),
        ("172.31.255.255", "private"),
        ("192.168.0.1", "private"),
        ("127.0.0.1", "private"),
        ("127.255.255.254", "private"),
        ("100.64.0.1", "private"),  # CGNAT
        ("192.0.2.1", "private"),  # documentation
        ("198.18.0.1", "private"),  # benchmarking
        ("0.1.2.3", "private"),  # this network
        ("::1", "private"),
        ("fd00::1", "private"),
        ("::ffff:127.0.0.1", "private"),
        ("::ffff:100.64.0.1", "private"),
        ("64:ff9b::7f00:1", "private"),
        ("64:ff9b::a00:1", "private"),
        ("64:ff9b:1::808:808", "private"),  # NAT64 of a network of one's own
        ("2002:7f00:1::1", "private"),
        ("::7f00:1", "private"),  # IPv4-compatible
        ("2001:db8::1", "private"),
        ("0.0.0.0", "never"),
        ("::", "never"),
        ("169.254.169.254", "never"),
        ("::ffff:169.254.169.254", "never"),
        ("64:ff9b::a9fe:a9fe", "never"),
        ("fe80::1", "never"),
        ("fec0::1", "never"),
        ("224.0.0.1", "never"),
        ("ff02::1", "never"),
        ("255.255.255.255", "never"),
        ("240.0.0.1", "never"),
        ("2001:0:808:808::1", "never"),  # Teredo
    ],
)
def test_how_far_an_address_reaches(ip: str, reach: str) -> None:
    assert reach_of(ipaddress.ip_address(ip)) == reach


@given(st.ip_addresses(v=4))
def test_an_address_within_another_reaches_as_far_as_itself(ip: ipaddress.IPv4Address) -> None:
    inner = int(ip)
    within = [(0xFFFF << 32) | inner, (0x64FF9B << 96) | inner, (0x2002 << 112) | (inner << 80)]
    assert {reach_of(ipaddress.IPv6Address(outer)) for outer in within} == {reach_of(ip)}


@pytest.mark.parametrize(
    ("host", "near"),
    [
        ("localhost", True),
        ("stac", True),
        ("data.localhost", True),
        ("stac.lan", True),
        ("stac.internal", True),
        ("nas.local.", True),
        ("10.0.0.1", True),
        ("[::1]", True),
        ("[::ffff:10.0.0.1]", True),
        ("8.8.8.8", False),
        ("stac.agency.org", False),
        ("local.agency.org", False),
    ],
)
def test_what_is_private_by_its_notation(host: str, near: bool) -> None:
    assert is_near(f"http://{host}:8000/v1") is near


def test_a_server_of_ones_own_may_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_near("https://stac.agency.vn/v1")
    monkeypatch.setenv("EROSION_PRIVATE_HOSTS", "data.agency.vn, STAC.agency.vn")
    assert is_near("https://stac.agency.vn/v1") and is_near("https://data.agency.vn")
    assert not is_near("https://agency.vn") and not is_near("https://x.stac.agency.vn")


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/passwd",
        "/etc/passwd",
        "./green.tif",
        "/vsicurl/http://127.0.0.1/x.tif",
        "<VRTDataset/>",
        "http://169.254.169.254/latest/meta-data",
        "http://127.0.0.1:8080/x.tif",
        "http://127.1/x.tif",
        "http://2130706433/x.tif",
        "http://[::1]/x.tif",
        "http://[::ffff:10.0.0.1]/x.tif",
        "https://10.0.0.1/x.tif",
        "https://localhost/x.tif",
        "https://ledger/x.tif",
        "https://data.net\\@127.0.0.1/x.tif",
        "https://user:word@data.net/x.tif",
        "https://data.net:٤٤٣/x.tif",
        "s3://127.0.0.1:80#/x.tif",
        "s3://bucket\\@x/x.tif",
        "s3://Bucket?x/x.tif",
        "gs:///x.tif",
    ],
)
def test_a_catalogue_on_the_web_leads_to_no_file_or_network_of_ours(address: str) -> None:
    assert off_limits(address, PUBLIC) is not None
    assert off_limits(address, "beside/catalog.json") is None


def test_where_a_catalogue_may_lead() -> None:
    for address in ("https://data.net/x.tif", "http://8.8.8.8/x.tif", "s3://bucket/x.tif", "gs://bucket/x.tif"):
        assert off_limits(address, PUBLIC) is None
    assert off_limits("http://10.0.0.2/x.tif", "http://10.0.0.1/v1") is None
    assert off_limits("http://10.0.0.2/x.tif", "http://stac:8080/v1") is None


@pytest.mark.parametrize(
    ("url", "goes"),
    [
        ("https://stac.agency.org/item.json", True),
        ("https://data.agency.org/band.tif", True),
        ("https://agency.org.evil.net/band.tif", False),
        ("https://evil.net/?https://stac.agency.org/", False),
        ("http://stac.agency.org/item.json", False),
        ("s3://stac.agency.org/band.tif", False),
        ("https://evil.net\\@stac.agency.org/item.json", False),
    ],
)
def test_where_a_token_may_go(url: str, goes: bool) -> None:
    assert may_have_token(url, PUBLIC) is goes


def test_a_domain_that_belongs_to_many_gets_no_token() -> None:
    assert not may_have_token("https://other.com.vn/band.tif", "https://agency.com.vn/v1")
    assert may_have_token("https://data.agency.com.vn/band.tif", "https://stac.agency.com.vn/v1")
    assert may_have_token("https://agency.com.vn/band.tif", "https://agency.com.vn/v1")
