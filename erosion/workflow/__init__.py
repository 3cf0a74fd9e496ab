"""What people decide about warnings: who may do what, how it is recorded, and how far a stretch has got."""
