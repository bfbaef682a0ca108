"""The rules of rooms and sessions: pure values and functions. No I/O, no clock, no randomness."""
