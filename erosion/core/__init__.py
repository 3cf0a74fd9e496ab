"""Contracts and vocabulary, grids, files, http: what every package needs; imports nothing else of the project."""
