"""HTTP: which addresses may be asked, how often, how much of an answer is taken, and no secret in any message."""
