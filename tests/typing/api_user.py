"""What a type checker knows of the public Python API; `make check` reads this file, nothing runs it."""

from typing import assert_type

import numpy as np
from numpy.typing import NDArray

import echosearch


def watch(moment: echosearch.Progress) -> None:
    assert_type(moment.found, int | None)
    assert_type(moment.eta_seconds, float | None)


def use() -> None:
    with echosearch.open_archive("home", encoder="phantom-tiny") as archive:
        assert_type(archive, echosearch.OpenArchive)
        summary = archive.ingest("export", reports="reports.csv", progress=watch)
        assert_type(summary, echosearch.IngestSummary)
        hits = archive.search("重度僧帽弁逆流", view="4CH", where="age >= 65", top_k=10)
        assert_type(hits, echosearch.Hits)
        assert_type(hits[0], echosearch.Hit)
        assert_type(hits[:5], echosearch.Hits)
        assert_type(hits[0].study, str)
        assert_type(hits.encoder, echosearch.EncoderInfo)
        assert_type(archive.similar(hits[0].study), echosearch.Hits)
        assert_type(archive.similar(hits[0].study, also="MRなし", unlike=[hits[1].study]), echosearch.Hits)
        table = archive.vectors([hit.study for hit in hits], of="videos")
        assert_type(table, echosearch.VectorTable)
        assert_type(table.vectors, NDArray[np.float32])
        archive.search("弁", group="hospital")  # type: ignore[arg-type]
        archive.search("弁", 10)  # type: ignore[call-arg, arg-type]
    try:
        echosearch.open_archive()
    except echosearch.FileRefused as refused:
        assert_type(refused.outcome, echosearch.Skipped | echosearch.Quarantined)
        assert_type(refused.outcome.reason, echosearch.Reason)
    except echosearch.EchosearchError as error:
        assert_type(error.exit_code, int)
