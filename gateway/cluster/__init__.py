"""Partials that are computed on other machines: by DuckDB in the workers of a Dask cluster."""
