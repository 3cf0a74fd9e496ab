"""Warning levels, trigger, life of a warning and the ledger."""
