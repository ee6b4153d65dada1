"""Who asks, what they may do, and how much of it: nothing here knows the HTTP library."""
