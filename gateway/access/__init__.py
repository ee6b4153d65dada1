"""Authentication, authorization and rate limits of callers; knows nothing of HTTP libraries."""
