"""Public data sets and recordings: what they are, where they lie, and how they are read."""
