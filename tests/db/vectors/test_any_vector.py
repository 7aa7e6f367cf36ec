"""Whether the archive answers at all is asked before every search: it must not depend on what was dropped."""

from __future__ import annotations

from sqlalchemy import Connection, Engine, text

from echosearch.db.vectors.generation import activate, delete_generation, has_vectors, register_encoder, serving_encoder
from echosearch.encoder_info import EncoderInfo
from tests.db.conftest import Ledger, header

OTHER = EncoderInfo("other", "1", "cd" * 32, 8, "", "", trained=False)


def pages(connection: Connection) -> int:
    """Pages of the table of vectors and its index that this transaction has looked at."""
    of_vectors = "from pg_class where oid in ('core.embedding'::regclass, 'core.pk_embedding'::regclass)"
    return int(connection.scalar(text(f"select sum(pg_stat_get_xact_blocks_fetched(oid)) {of_vectors}")) or 0)


def test_the_room_of_a_dropped_generation_is_not_searched_for_a_vector(engine: Engine, ledger: Ledger) -> None:
    ledger.store(header("1.1"))
    with engine.begin() as connection:
        assert has_vectors(connection)
        connection.execute(text("alter table core.embedding set (fillfactor = 10)"))  # few rows, many pages
        connection.execute(
            text(
                "insert into core.video (video_key, study_key, content_digest, pixel_digest, n_frames, rows, columns,"
                " transfer_syntax_uid, photometric, mode, mode_source) select cast(md5(cast(n as text)) as uuid),"
                " study_key, content_digest, pixel_digest, n_frames, rows, columns, transfer_syntax_uid, photometric,"
                " mode, mode_source from core.video, generate_series(1, 3000) n"
            )
        )
        other = register_encoder(connection, OTHER)
        connection.execute(
            text(
                "insert into core.embedding (encoder_id, video_key, vector) select e, video_key, '\\x00'"
                " from unnest(cast(:encoders as bigint[])) e, core.video on conflict do nothing"
            ),
            {"encoders": [ledger.encoder_id]},
        )
        connection.execute(
            text("insert into core.embedding (encoder_id, video_key, vector) select :e, video_key, '\\x00'"
                 " from core.video"), {"e": other},
        )  # fmt: skip
        activate(connection, other)
        delete_generation(connection, ledger.encoder_id)
    with engine.begin() as connection:
        connection.execute(text("analyze core.embedding"))
        before = pages(connection)
        assert has_vectors(connection)
        assert serving_encoder(connection) is not None
        assert pages(connection) - before < 20
        connection.execute(text("delete from core.embedding"))
        assert not has_vectors(connection)
        assert serving_encoder(connection) is None
