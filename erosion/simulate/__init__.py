"""A river whose every bank position is known, and the satellite pictures that would be taken of it."""
