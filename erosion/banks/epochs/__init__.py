"""Which observations of a reach are used: each is compared with the ones before it."""
