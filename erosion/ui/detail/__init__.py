"""Everything about one chosen segment."""
