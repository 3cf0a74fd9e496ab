"""Published files as the pages read them: one module a kind of product. Nothing is computed here."""
