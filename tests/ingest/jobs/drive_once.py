"""A job's driver with the fake encoder, as a process that a test may kill: python drive_once.py ROOT WORKERS"""

import os
import sys
from pathlib import Path

from echosearch.archive import open_archive
from echosearch.encoder.fake import FakeEncoder
from echosearch.errors import EchosearchError
from echosearch.settings import load_settings
from ingest.jobs import driver
from ingest.jobs.driver import drive
from ingest.jobs.on_workers import ProcessWorkers
from ingest.options import IngestOptions

WORK = (os.environ["STARTED_BY"], str(Path(__file__).with_name("work_once.py")))

if __name__ == "__main__":
    driver.WATCH_SECONDS = 0.1
    settings = load_settings()
    try:
        with open_archive(settings, FakeEncoder()) as archive:
            launcher = ProcessWorkers(settings, int(sys.argv[2]), WORK)
            summary = drive(archive, Path(sys.argv[1]), IngestOptions(batch_size=4), launcher)
    except EchosearchError as exc:
        print(exc, file=sys.stderr)
        sys.exit(exc.exit_code)
    print(summary.indexed, summary.new_videos)
