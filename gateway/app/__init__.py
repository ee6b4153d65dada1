"""The application: opens everything from the settings, and closes it in reverse order."""
