"""Satellite scenes of a simulated river: ground, sky, sensors, and the STAC archive that lists them."""
