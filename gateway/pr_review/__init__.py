"""What a change of the project's files proposes: compared with a git revision, classed, planned, measured, reported."""
