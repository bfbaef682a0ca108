"""HTTP and the WebSocket handshake: the only package that knows Litestar and uvicorn."""
