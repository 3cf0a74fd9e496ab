"""The stages of a run in order, its identity, its publication, replay and check."""
