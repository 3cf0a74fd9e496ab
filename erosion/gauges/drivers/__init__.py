"""Drivers of gauges: one file each with the type of its catalogue entries and ``read(source, asked) -> Reading``."""
