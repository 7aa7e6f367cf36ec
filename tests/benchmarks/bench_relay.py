"""The relay, rows of PostgreSQL to points of the embedded index: python tests/benchmarks/bench_relay.py [videos]

Rows as an ingest leaves them: a vector of 512 and an outbox row a video, 20 videos a study, 2 studies a patient. The
whole relay (rows read, points made, index written and flushed, rows marked, committed) and the index's share of it.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sqlalchemy import Connection, text

from echosearch.archive import open_archive
from echosearch.db.vectors.generation import register_encoder
from echosearch.encoder.fake import FakeEncoder
from echosearch.index.base import Collection, Point
from echosearch.settings import Settings
from ingest.relay import relay

BLOCK = 5000
ROWS = (
    "insert into core.patient (patient_key) select cast(md5('p' || n) as uuid) from generate_series(0, :videos / 40) n",
    "insert into core.study (study_key, patient_key, month, age, sex)"
    " select cast(md5('s' || n) as uuid), cast(md5('p' || n / 2) as uuid), 202001 + n % 4 * 100 + n % 12, 20 + n % 71,"
    " case n / 2 % 2 when 0 then 'F' else 'M' end"
    " from generate_series(0, :videos / 20) n",
    "insert into core.video (video_key, study_key, content_digest, pixel_digest, n_frames, rows, columns, device,"
    " transfer_syntax_uid, photometric, mode, mode_source, view, view_prob)"
    " select cast(md5('v' || n) as uuid), cast(md5('s' || n / 20) as uuid), sha256(cast('f' || n as bytea)),"
    " sha256(cast('x' || n as bytea)), 60, 480, 640, (array['A', 'B', 'C', 'D'])[1 + n / 1000 % 4],"
    " '1.2.840.10008.1.2.4.50', 'YBR_FULL_422', 'bmode', 'regions',"
    " (array['LAX', 'SAX', '2CH', '3CH', '4CH', 'Other'])[1 + n % 6], n % 100 / 100.0"
    " from generate_series(0, :videos - 1) n",
    "insert into core.source_file (path_key, size, mtime_ns, state, video_key)"
    " select cast(md5('f' || n) as uuid), 1, 1, 'embedded', cast(md5('v' || n) as uuid)"
    " from generate_series(0, :videos - 1) n",
)


def write_rows(connection: Connection, encoder_id: int, videos: int, dimension: int) -> None:
    for statement in ROWS:
        connection.execute(text(statement), {"videos": videos})
    rng = np.random.default_rng(1)
    for start in range(0, videos, BLOCK):
        vectors = rng.standard_normal((min(BLOCK, videos - start), dimension)).astype("<f4")
        connection.execute(
            text(
                "insert into core.embedding (encoder_id, video_key, vector)"
                " values (:encoder, cast(md5(:name) as uuid), :vector)"
            ),
            [
                {"encoder": encoder_id, "name": f"v{start + i}", "vector": vector.tobytes()}
                for i, vector in enumerate(vectors)
            ],
        )
    connection.execute(
        text(
            "insert into core.outbox (encoder_id, collection, key, op, gen)"
            " select encoder_id, 'videos', video_key, 'upsert', gen from core.embedding"
        )
    )


def main(videos: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder))
        encoder = FakeEncoder(dimension=512)
        with open_archive(settings, encoder) as archive:
            with archive.engine.begin() as connection:
                encoder_id = register_encoder(connection, encoder.id)
                write_rows(connection, encoder_id, videos, 512)
            archive.index.ensure(archive.collection("videos", encoder.id))
            real, taken = archive.index.upsert, [0.0]

            def upsert(collection: Collection, points: Sequence[Point]) -> None:
                began = time.perf_counter()
                real(collection, points)
                taken[0] += time.perf_counter() - began

            archive.index.upsert = upsert  # type: ignore[method-assign]
            began = time.perf_counter()
            assert relay(archive, encoder.id, encoder_id) == videos
            whole = time.perf_counter() - began
    print(f"{videos:,} videos: relay {videos / whole:,.0f}/s, the index alone {videos / taken[0]:,.0f}/s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
