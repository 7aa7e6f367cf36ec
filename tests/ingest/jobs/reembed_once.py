"""A re-embedding's driver with a fake encoder, as a process that a test may kill: python reembed_once.py WORKERS"""

import os
import sys

from echosearch.archive import open_archive
from echosearch.encoder.fake import FakeEncoder
from echosearch.errors import EchosearchError
from echosearch.settings import load_settings
from ingest.jobs import driver, reembed_on
from ingest.jobs.on_workers import ProcessWorkers
from ingest.reembed import ReembedOptions
from tests.ingest.jobs.drive_once import WORK

if __name__ == "__main__":
    driver.WATCH_SECONDS = 0.1
    reembed_on.RANGE = 4
    settings = load_settings()
    try:
        with open_archive(settings, FakeEncoder(salt=os.environ["FAKE_SALT"])) as archive:
            launcher = ProcessWorkers(settings, int(sys.argv[1]), WORK)
            made = reembed_on.drive_reembed(archive, ReembedOptions(batch_size=4), launcher)
    except EchosearchError as exc:
        print(exc, file=sys.stderr)
        sys.exit(exc.exit_code)
    print(made.promoted, made.embedded, made.missing, made.new_videos)
