"""Water masks brought by hand: dated GeoTIFF files."""
