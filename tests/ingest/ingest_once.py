"""One ingest with the fake encoder into HOME, as a process that a test may kill: python ingest_once.py HOME ROOT."""

import sys
from pathlib import Path

from echosearch.archive import open_archive
from echosearch.encoder.fake import FakeEncoder
from echosearch.settings import Settings
from ingest.options import IngestOptions
from ingest.pipeline import ingest

if __name__ == "__main__":
    home, root = Path(sys.argv[1]), Path(sys.argv[2])
    with open_archive(Settings(home=home, workers=2, lock_wait_seconds=20), FakeEncoder()) as archive:
        summary = ingest(archive, root, IngestOptions(batch_size=4), lambda _: print(".", end="", flush=True))
    print("", summary.indexed, summary.encoder_batches, summary.index_writes)
