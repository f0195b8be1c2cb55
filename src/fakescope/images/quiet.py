"""Keep a C library from writing to the terminal."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator

_STDERR = 2
_lock = threading.Lock()


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Send what is written to the process's standard error to nowhere, for a moment.

    libtiff writes there for every fault of a broken file and Pillow gives no way to stop it. What other
    threads write in that moment is lost as well, so only the decoding of a TIFF is wrapped in this.
    """
    with _lock:
        try:
            kept = os.dup(_STDERR)
        except OSError:
            # There is no standard error, so nothing can be written to it.
            yield
            return
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, _STDERR)
        try:
            yield
        finally:
            os.dup2(kept, _STDERR)
            os.close(sink)
            os.close(kept)
