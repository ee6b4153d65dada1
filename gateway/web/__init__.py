"""HTTP: routes, request parsing, problems, OpenAPI, pages. One resource per file; ``site.py`` registers them."""
