"""A C-STORE receiver: a PACS or an ultrasound machine sends, and what is acknowledged is on the disk.

Objects are stored as they come, byte for byte; nothing in them is read here. The ingest reads them in its workers.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock
from types import TracebackType

from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, AllStoragePresentationContexts, evt
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined] # made at import

from echosearch.errors import InputError
from ingest.sources.inbox import ObjectFolder

__all__ = ["Received", "Receiver"]

SUCCESS, OUT_OF_RESOURCES, NOT_UNDERSTOOD = 0x0000, 0xA700, 0xC000  # PS3.4 B.2.3
SENDERS = 10  # at one time: each object under way is in memory
TITLE = re.compile(r"[\x21-\x5b\x5d-\x7e]([\x20-\x5b\x5d-\x7e]{0,14}[\x21-\x5b\x5d-\x7e])?")  # PS3.5 6.2, VR AE
QUIET_SECONDS = 60  # of a sender that says nothing


@dataclass
class Received:
    """What a receiver has done so far."""

    stored: int = 0  # objects that were new
    again: int = 0  # that were here
    bytes: int = 0
    refused: Counter[str] = field(default_factory=Counter)  # reason -> objects that were not acknowledged


class Receiver:
    """Listens while it is entered. Raises InputError for a title that is none or a port that is taken."""

    def __init__(
        self,
        inbox: ObjectFolder,
        title: str,
        senders: Sequence[str],
        host: str,
        port: int,
        on_object: Callable[[Received], None] = lambda _: None,
    ) -> None:
        for one in (title, *senders):
            if not TITLE.fullmatch(one):
                raise InputError(f"{one!r} is no AE title: give 1 to 16 ASCII characters without a backslash")
        self.received = Received()
        self._inbox, self._on_object, self._lock = inbox, on_object, Lock()
        self._address = (host, port)
        logging.getLogger("pynetdicom").setLevel(logging.CRITICAL + 1)  # its messages hold identifiers
        self._ae = AE(ae_title=title)
        self._ae.require_called_aet = True
        self._ae.require_calling_aet = list(senders)
        self._ae.maximum_associations = SENDERS
        self._ae.network_timeout = self._ae.acse_timeout = self._ae.dimse_timeout = QUIET_SECONDS
        for context in AllStoragePresentationContexts:
            self._ae.add_supported_context(context.abstract_syntax, ALL_TRANSFER_SYNTAXES)  # type: ignore[arg-type]
        self._ae.add_supported_context(Verification)

    def __enter__(self) -> Receiver:
        try:
            handlers = [(evt.EVT_C_STORE, self._store)]
            self._server = self._ae.start_server(self._address, block=False, evt_handlers=handlers)  # type: ignore[arg-type]
        except OSError as exc:
            host, port = self._address
            raise InputError(f"cannot listen on {host}:{port}: {exc.strerror or exc}; choose another --port") from exc
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ae.shutdown()  # a sender that is cut off sends what was not acknowledged again

    @property
    def port(self) -> int:
        """The port that it listens on: where 0 was asked for, the system has chosen."""
        return int(self._server.socket.getsockname()[1])  # type: ignore[union-attr] # it runs in a thread

    def _store(self, event: evt.Event) -> int:
        """Store one object; the status that is returned is the acknowledgement."""
        try:
            encoded = event.encoded_dataset()
        except Exception:  # a request without what names the object, PS3.7 9.3.1: whatever pynetdicom makes of it
            return self._refuse("NOT_UNDERSTOOD", NOT_UNDERSTOOD)
        try:
            new = self._inbox.put([encoded])
        except OSError as exc:
            return self._refuse(exc.strerror or type(exc).__name__, OUT_OF_RESOURCES)
        with self._lock:
            self.received.stored += new
            self.received.again += not new
            self.received.bytes += len(encoded) if new else 0
            self._on_object(self.received)
        return SUCCESS

    def _refuse(self, reason: str, status: int) -> int:
        with self._lock:
            self.received.refused[reason] += 1
            self._on_object(self.received)
        return status
