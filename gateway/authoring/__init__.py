"""What stands by the author of a query: a new version's file, the check of a project, the tests beside templates."""
