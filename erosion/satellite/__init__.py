"""Scenes of a catalogue or folder, searched and read to bands of one pass on a region's grid."""
