"""Where rooms are kept and how news of them travels: `rooms.ports` in one technology each."""
