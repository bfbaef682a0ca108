"""The embedded store: rooms and their logs in one SQLite file, for a service of one process."""
