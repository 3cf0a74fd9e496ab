"""From the bands of one pass to percent of water, co-registered to the reference."""
