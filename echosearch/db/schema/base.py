"""The parts that all tables share: the declarative base, constraint names, key and column types."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, DateTime, Float, MetaData, Text, Uuid
from sqlalchemy.orm import DeclarativeBase

__all__ = ["Base", "Key"]

Key = Uuid(as_uuid=False)  # pseudonymous keys are UUID strings (echosearch.pseudonyms)


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {str: Text, datetime: DateTime(timezone=True), float: Float, int: BigInteger}  # noqa: RUF012
