"""What the gauge drivers share: tables, grids, time zones, web services."""
