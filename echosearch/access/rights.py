"""What each role may do. A route names one right (echosearch/web/rights.py); a token has some of its account's."""

from __future__ import annotations

from enum import StrEnum

from echosearch.db.access.viewer import Role

__all__ = ["IN_WORDS", "RIGHTS", "Right"]


class Right(StrEnum):
    SEARCH = "search"  # searches and their pages
    SEE = "see"  # studies, videos, previews, timelines: pseudonyms and months
    IDENTIFY = "identify"  # identifiers, dates, report texts
    PACS = "pacs"  # the link into the PACS's viewer
    EXPORT = "export"  # hits and members as files
    COHORT = "cohort"  # cohorts: counted, frozen
    REVIEW = "review"  # verdicts about members
    STATUS = "status"
    AUDIT = "audit"
    ACCOUNTS = "accounts"
    SELF = "self"  # everybody who is signed in: who they are, signing out


RIGHTS: dict[Role, frozenset[Right]] = {
    Role.SEARCHER: frozenset({Right.SEARCH, Right.SEE, Right.REVIEW, Right.STATUS, Right.SELF}),
    Role.CLINICIAN: frozenset(
        {Right.SEARCH, Right.SEE, Right.IDENTIFY, Right.PACS, Right.COHORT, Right.REVIEW, Right.STATUS, Right.SELF}
    ),
    Role.RESEARCHER: frozenset(
        {Right.SEARCH, Right.SEE, Right.EXPORT, Right.COHORT, Right.REVIEW, Right.STATUS, Right.SELF}
    ),
    Role.ADMIN: frozenset({Right.ACCOUNTS, Right.STATUS, Right.SELF}),
    Role.AUDITOR: frozenset({Right.AUDIT, Right.STATUS, Right.SELF}),
}

IN_WORDS: dict[Right, str] = {  # what somebody without it may not do
    Right.SEARCH: "search",
    Right.SEE: "see studies",
    Right.IDENTIFY: "see identifiers",
    Right.PACS: "open the PACS",
    Right.EXPORT: "export",
    Right.COHORT: "use cohorts",
    Right.REVIEW: "give verdicts",
    Right.STATUS: "see the status",
    Right.AUDIT: "see the audit",
    Right.ACCOUNTS: "manage accounts",
    Right.SELF: "use this server",
}
