"""The wire contract: every REST body and WebSocket message, declared once.

Documents, schemas and SDKs are printed from these declarations and the codec
decodes with them, so what is documented is what is decoded. Depends on msgspec only.
"""
