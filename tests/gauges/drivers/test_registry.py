"""Every kind of gauge that an entry may name has one reader of its own."""

from __future__ import annotations

from erosion.config.gauges import GAUGE_DRIVERS
from erosion.gauges.drivers import READERS


def test_every_driver_that_an_entry_may_name_has_its_reader() -> None:
    assert set(READERS) == set(GAUGE_DRIVERS.values())
    modules = {name: READERS[kind].__module__ for name, kind in GAUGE_DRIVERS.items()}
    assert modules == {name: f"erosion.gauges.drivers.{name}" for name in GAUGE_DRIVERS}
