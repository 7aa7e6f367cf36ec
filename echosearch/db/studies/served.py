"""Which report of a study is served, as a statement: the last version that came."""

from __future__ import annotations

__all__ = ["SERVED"]

SERVED = """
    select distinct on (r.study_key) r.report_key from core.report r join core.study s using (study_key)
    where not s.conflict order by r.study_key, r.seq desc"""
