"""The map: bank lines on a plane, as layers of deck.gl."""
