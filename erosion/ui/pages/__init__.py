"""One file a page, each with a function ``show`` that takes what was chosen; ``frame`` is what stands on every page."""
