"""The archive of tests/cohort, whose studies and reports a test chooses."""

from __future__ import annotations

from tests.cohort.conftest import ward

__all__ = ["ward"]
