"""What the trigger of the night adds to a segment's level."""
