"""Statements of the access schema: accounts, sessions, tokens, saved searches, the audit."""
