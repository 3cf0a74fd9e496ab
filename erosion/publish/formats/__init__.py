"""Writers of published files, one a format, and the typed table that all of them start from."""
