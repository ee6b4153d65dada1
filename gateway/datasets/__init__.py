"""Results as data sets: what of an answer is read in parallel, and from which snapshot of its tables."""
