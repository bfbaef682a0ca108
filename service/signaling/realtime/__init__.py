"""The sockets of this node: frames in, frames out, and who is in which room."""
