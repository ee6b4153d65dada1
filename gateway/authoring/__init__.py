"""Tools for authors of queries: new versions, the check of a project, the tests beside templates."""
