"""Store of classified passes on disk, one file a pass."""
