"""Stage, discharge and rain: drivers, store with revisions, quality control, statistics, reports."""
