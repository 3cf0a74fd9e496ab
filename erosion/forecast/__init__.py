"""Training, release, evaluation and verification of the forecast."""
