"""Where the API is."""

from __future__ import annotations

__all__ = ["API"]

API = "/api/v1"
