"""Encoders turn clips and texts into vectors.

Importing transformers imports PyTorch's compiler, which makes a folder for its cache in the temporary one. Nothing here
is compiled: given a folder that exists, it makes none.
"""

import os
import tempfile

__all__: list[str] = []

os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", tempfile.gettempdir())
