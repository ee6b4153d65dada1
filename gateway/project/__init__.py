"""A project: its files, the one loader, the git checkout, reloading."""
