"""One file a page; each has a function ``show`` that takes what was chosen."""
