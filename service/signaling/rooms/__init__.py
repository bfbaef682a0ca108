"""Use cases: what a platform's backend and a socket can have done to a room."""
