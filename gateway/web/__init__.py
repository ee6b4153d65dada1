"""HTTP: routes, request parsing, problems, OpenAPI, pages. One resource a file; ``site.py`` puts them together."""
