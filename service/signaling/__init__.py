"""WebRTC signaling and rooms for Ed-Tech platforms.

Layers, each importing only what stands above it here: ``contract`` (the wire),
``domain`` (the rules), ``rooms`` (use cases), ``realtime`` and ``backends``
(sockets and stores), ``web`` (HTTP), ``asgi`` (everything put together).
"""

__version__ = "0.1.0"
