"""A sender of DICOM objects (pynetdicom's SCU): sends a folder's files one by one, each again until it is acknowledged.

    python tests/support/store_scu.py FOLDER PORT AET JOURNAL

JOURNAL lists the files that were acknowledged: killed and started again, it goes on behind them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pydicom
from pynetdicom import AE

US_MULTIFRAME, JPEG_BASELINE = "1.2.840.10008.5.1.4.1.1.3.1", "1.2.840.10008.1.2.4.50"


def main(folder: Path, port: int, title: str, journal: Path) -> int:
    done = set(journal.read_text().split()) if journal.exists() else set()
    sender = AE(ae_title="PACS1")
    sender.add_requested_context(US_MULTIFRAME, JPEG_BASELINE)
    association = sender.associate("127.0.0.1", port, ae_title=title)
    if not association.is_established:
        return 1
    for path in sorted(folder.glob("*.dcm")):
        if path.name in done:
            continue
        status = association.send_c_store(pydicom.dcmread(path))
        if not status or status.Status != 0:
            return 1
        with open(journal, "a") as lines:
            lines.write(f"{path.name}\n")
    association.release()
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], Path(sys.argv[4])))
