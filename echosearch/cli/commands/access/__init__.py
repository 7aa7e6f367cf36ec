"""Accounts of the server, and the audit."""
