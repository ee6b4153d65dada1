"""Queries: templates, parameters, the registry, validation and lint."""
