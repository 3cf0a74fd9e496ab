"""Early warning of riverbank erosion: observations in, warnings out, every product a function of a region and a date."""

__version__ = "0.1.0"
