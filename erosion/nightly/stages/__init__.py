"""The stages of a run, in their order: inputs, identity, reaches, decide, product, record; and what they use."""
