"""The one part of a multipart answer (RFC 2387), as DICOMweb wraps an object; streamed, so that none is held whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from email.message import Message

from requests.exceptions import ContentDecodingError

__all__ = ["first_part"]

HEADERS = 16_384  # bytes of a part's headers at most
MOST_BYTES = 2 << 30  # of an object: what an ingest would read


def first_part(content_type: str, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the bytes of the first part; of an answer without parts, all.

    Raises ContentDecodingError if the part is cut short, endless or without an end.
    """
    header = Message()
    header["Content-Type"] = content_type
    boundary = header.get_param("boundary")
    stream = iter(chunks)
    if header.get_content_maintype() != "multipart" or not isinstance(boundary, str):
        yield from stream
        return
    end = b"\r\n--" + boundary.encode()
    held = b"\r\n"
    while (start := held.find(b"\r\n\r\n", max(held.find(end), 0))) < 0 or end not in held[:start]:
        chunk = next(stream, None)
        if chunk is None or len(held) > HEADERS:
            raise ContentDecodingError("the answer has no part")
        held += chunk
    held, given = held[start + 4 :], 0
    while (stop := held.find(end)) < 0:
        sure = len(held) - len(end)  # what may be the begin of the end is kept back
        if sure > 0:
            given += sure
            yield held[:sure]
            held = held[sure:]
        chunk = next(stream, None)
        if chunk is None or given > MOST_BYTES:
            raise ContentDecodingError("the answer was cut short")
        held += chunk
    yield held[:stop]
