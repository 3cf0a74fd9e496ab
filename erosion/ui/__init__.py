"""The screen: pages that read published products and the ledger. Nothing is computed here and nothing imports it."""
