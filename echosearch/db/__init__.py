"""All SQLAlchemy: tables, sessions, queries. The types that callers hold are named here."""

from sqlalchemy import Connection, Engine

__all__ = ["Connection", "Engine"]
