"""A role that sees pseudonyms only, as docs/operations.md makes it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, text

from echosearch.db.access.viewer import LOCAL
from echosearch.db.lookup import resolve_study, study_vector
from echosearch.errors import ConfigError
from tests.search.conftest import Corpus


@pytest.fixture
def pseudonyms(corpus: Corpus) -> Iterator[Connection]:
    """A connection as that role; nothing of it stays."""
    with corpus.archive.engine.connect() as connection:
        connection.execute(text("create role es_pseudonyms; grant usage on schema core to es_pseudonyms"))
        connection.execute(text("grant select on all tables in schema core to es_pseudonyms"))
        connection.execute(text("set local role es_pseudonyms"))
        yield connection
        connection.rollback()


def test_a_whole_study_key_needs_no_right_to_see_identifiers(corpus: Corpus, pseudonyms: Connection) -> None:
    study = corpus.videos[0].study
    assert resolve_study(pseudonyms, study.key, LOCAL).patient == study.patient
    assert len(study_vector(pseudonyms, corpus.encoder_id, study.key))


def test_identifiers_are_refused_in_one_line(corpus: Corpus, pseudonyms: Connection) -> None:
    with pytest.raises(ConfigError, match="permission denied for schema phi: this needs a role") as caught:
        resolve_study(pseudonyms, corpus.studies[0].accession, LOCAL)
    assert corpus.studies[0].accession not in str(caught.value)
