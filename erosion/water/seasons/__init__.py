"""Seasonal composites of classified passes."""
