"""Region, source and gauge files, strictly read into typed entries."""
