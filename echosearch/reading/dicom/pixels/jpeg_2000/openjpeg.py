"""Decode JPEG 2000 with OpenJPEG itself, in the library that pylibjpeg-openjpeg brings, and keep its warnings.

The Python package drops them: it sets its handlers before there is a codec to set them on (2.6.0). Structures and
functions are those of openjpeg.h, the same in every release of 2.x.
"""

from __future__ import annotations

import ctypes
from ctypes import CFUNCTYPE, POINTER, byref, c_char_p, c_int, c_int32, c_int64, c_size_t, c_uint16, c_uint32, c_uint64
from ctypes import c_void_p as pointer
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Decoded", "decode_codestream", "is_at_hand", "warnings_of"]

CODESTREAM = 0  # OPJ_CODEC_FORMAT
PARAMETERS = 1 << 16  # bytes, more than opj_dparameters_t has
CHUNK = 1 << 20
END_OF_STREAM = c_size_t(-1).value

READ = CFUNCTYPE(c_size_t, pointer, c_size_t, pointer)
SKIP = CFUNCTYPE(c_int64, c_int64, pointer)
SEEK = CFUNCTYPE(c_int, c_int64, pointer)
MESSAGE = CFUNCTYPE(None, c_char_p, pointer)


class _Component(ctypes.Structure):
    """Mirrors opj_image_comp_t."""

    _fields_ = (
        *((name, c_uint32) for name in ("dx", "dy", "w", "h", "x0", "y0", "prec", "bpp", "sgnd", "resno", "factor")),
        ("data", POINTER(c_int32)),
        ("alpha", c_uint16),
    )


class _Image(ctypes.Structure):
    """Mirrors opj_image_t."""

    _fields_ = (
        *((name, c_uint32) for name in ("x0", "y0", "x1", "y1", "numcomps")),
        ("color_space", c_int),
        ("comps", POINTER(_Component)),
        ("icc_profile_buf", pointer),
        ("icc_profile_len", c_uint32),
    )


@dataclass(frozen=True)
class Decoded:
    """The components of a picture, each (H, W) in its own size, and what OpenJPEG warned of."""

    components: tuple[NDArray[np.int32], ...]
    warnings: tuple[str, ...]


def decode_codestream(data: bytes) -> Decoded:
    """Decode a codestream. Raises RuntimeError if OpenJPEG gives up."""
    return _run(data, with_pixels=True)


def warnings_of(data: bytes) -> tuple[str, ...]:
    """Decode a codestream for its warnings alone. Raises RuntimeError if OpenJPEG gives up."""
    return _run(data, with_pixels=False).warnings


def is_at_hand() -> bool:
    """Return whether OpenJPEG's own functions can be called: a build of the package may hide them."""
    return _library() is not None


@cache
def _library() -> ctypes.CDLL | None:
    import _openjpeg  # here, so that reading a header does not load it

    library = ctypes.CDLL(_openjpeg.__file__)
    image = POINTER(_Image)
    for name, result, arguments in (
        ("stream_create", pointer, (c_size_t, c_int)),
        ("stream_set_read_function", None, (pointer, READ)),
        ("stream_set_skip_function", None, (pointer, SKIP)),
        ("stream_set_seek_function", None, (pointer, SEEK)),
        ("stream_set_user_data_length", None, (pointer, c_uint64)),
        ("stream_destroy", None, (pointer,)),
        ("create_decompress", pointer, (c_int,)),
        ("set_default_decoder_parameters", None, (pointer,)),
        ("set_warning_handler", c_int, (pointer, MESSAGE, pointer)),
        ("setup_decoder", c_int, (pointer, pointer)),
        ("read_header", c_int, (pointer, pointer, POINTER(image))),
        ("decode", c_int, (pointer, pointer, image)),
        ("end_decompress", c_int, (pointer, pointer)),
        ("destroy_codec", None, (pointer,)),
        ("image_destroy", None, (image,)),
    ):
        function = getattr(library, f"opj_{name}", None)
        if function is None:
            return None
        function.restype, function.argtypes = result, arguments
    return library


def _run(data: bytes, with_pixels: bool) -> Decoded:
    library = _library()
    if library is None:
        raise RuntimeError("this build of pylibjpeg-openjpeg hides OpenJPEG's functions")
    at, warnings = 0, []

    def read(buffer: int, length: int, _: Any) -> int:
        nonlocal at
        part = data[at : at + length]
        if not part:
            return END_OF_STREAM
        ctypes.memmove(buffer, part, len(part))
        at += len(part)
        return len(part)

    def skip(length: int, _: Any) -> int:
        nonlocal at
        at += length
        return length

    def seek(offset: int, _: Any) -> int:
        nonlocal at
        at = offset
        return 1

    def warn(message: bytes, _: Any) -> None:
        warnings.append(message.decode("ascii", "replace").strip())

    calls = READ(read), SKIP(skip), SEEK(seek), MESSAGE(warn)  # held until the codec is gone
    parameters = ctypes.create_string_buffer(PARAMETERS)
    image = POINTER(_Image)()
    stream = library.opj_stream_create(CHUNK, 1)
    codec = library.opj_create_decompress(CODESTREAM)
    try:
        library.opj_stream_set_read_function(stream, calls[0])
        library.opj_stream_set_skip_function(stream, calls[1])
        library.opj_stream_set_seek_function(stream, calls[2])
        library.opj_stream_set_user_data_length(stream, len(data))
        library.opj_set_default_decoder_parameters(parameters)
        library.opj_set_warning_handler(codec, calls[3], None)
        if not (
            library.opj_setup_decoder(codec, parameters)
            and library.opj_read_header(stream, codec, byref(image))
            and library.opj_decode(codec, stream, image)
            and library.opj_end_decompress(codec, stream)
        ):
            raise RuntimeError("OpenJPEG cannot decode this")
        return Decoded(_components(image.contents) if with_pixels else (), tuple(warnings))
    finally:
        library.opj_destroy_codec(codec)
        library.opj_stream_destroy(stream)
        if image:
            library.opj_image_destroy(image)


def _components(image: _Image) -> tuple[NDArray[np.int32], ...]:
    parts = [image.comps[i] for i in range(image.numcomps)]
    if not all(part.data for part in parts):
        raise RuntimeError("OpenJPEG decoded no pixels of a component")
    return tuple(np.ctypeslib.as_array(part.data, (part.h, part.w)).copy() for part in parts)
