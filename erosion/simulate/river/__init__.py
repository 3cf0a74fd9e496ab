"""A river that erodes by a known law: its course, its water level and every bank position."""
