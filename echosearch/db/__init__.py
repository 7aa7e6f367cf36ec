"""All SQLAlchemy: tables, sessions, queries. What callers hold open in their hands is named here."""

from sqlalchemy import Connection, Engine

__all__ = ["Connection", "Engine"]
