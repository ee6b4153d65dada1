"""Review of a pull request: the project compared with a git revision; changes classed, planned, measured, reported."""
