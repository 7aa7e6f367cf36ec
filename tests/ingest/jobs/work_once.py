"""`echosearch work --job N` with the fake encoder, as a process that a test may kill: python work_once.py N

SLOW_WORKERS: it takes its time, and waits while there is a file of this name.
"""

import os
import sys
import time

from echosearch.archive import open_archive
from echosearch.encoder.fake import FakeEncoder
from echosearch.errors import EchosearchError
from echosearch.settings import load_settings
from ingest.jobs.worker import work
from ingest.progress import Progress


def _slowly(moment: Progress) -> None:
    time.sleep(0.1)
    while os.path.exists(os.environ["SLOW_WORKERS"]):  # the lease is kept meanwhile
        time.sleep(0.1)


if __name__ == "__main__":
    slow = "SLOW_WORKERS" in os.environ
    try:
        with open_archive(load_settings(), FakeEncoder(salt=os.environ.get("FAKE_SALT", ""))) as archive:
            done = work(archive, int(sys.argv[1]), _slowly if slow else lambda _: None, pause=0.1)
    except EchosearchError as exc:
        print(exc, file=sys.stderr)
        sys.exit(exc.exit_code)
    print("", done.files, done.new_videos)
