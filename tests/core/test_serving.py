"""Which addresses are reached from this computer only."""

import pytest

from erosion.core.serving import is_this_computer


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "::1", "[::1]", "localhost", "LOCALHOST"])
def test_this_computer(host):
    assert is_this_computer(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "10.0.0.1", "128.0.0.1", "127.0.0.1.example", "localhost.example"])  # fmt: skip
def test_others_too(host):
    assert not is_this_computer(host)
