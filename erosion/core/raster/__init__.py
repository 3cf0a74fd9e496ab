"""Rasters: their grid, windows, blocks and patches of pixels, and GeoTIFF files."""
