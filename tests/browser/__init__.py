"""The classroom page, and a page like the integration guide's, in a real Chromium against a real service."""
