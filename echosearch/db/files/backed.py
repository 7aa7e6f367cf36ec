"""Whether a study has a file, as a condition."""

from __future__ import annotations

__all__ = ["HAS_FILE"]

# whether a file is, or was the last time it was read, of study s
HAS_FILE = (
    "select from core.video v join core.source_file f on f.video_key = v.video_key where v.study_key = s.study_key"
)
