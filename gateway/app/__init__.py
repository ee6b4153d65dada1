"""The application: what is opened from the settings, who uses it, and in which order it is closed."""
