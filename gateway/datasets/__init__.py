"""Results as data sets: read in parallel, from named snapshots of their tables, and built ahead as tables."""
