"""Gauges beside the map: newest readings and their course."""
