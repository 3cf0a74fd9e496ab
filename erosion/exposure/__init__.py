"""What stands on the land beside a bank: buildings, roads, schools, people."""
