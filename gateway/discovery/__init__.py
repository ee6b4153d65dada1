"""Finds the tables of a location: which folders hold them, their columns, and how their folders derive from columns."""
