"""Folds: an aggregation that is computed partition by partition, merged in manifest order, and finished."""
