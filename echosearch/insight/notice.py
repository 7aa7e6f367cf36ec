"""What an interpretation is, and what it is not: said wherever one is shown."""

from __future__ import annotations

__all__ = ["NOTICE"]

NOTICE = (
    "read off videos by similarity to this archive's own reports; not a diagnosis, and not for care of patients;"
    " 診断ではありません"
)
