"""Pictures as people are shown them: decoded, upright, without metadata, encoded anew in one way for both classes."""

from __future__ import annotations

import io
import threading
from collections import OrderedDict

from PIL import Image

from fakescope.chain.store import Store
from fakescope.images.load import load_image

QUALITY = 92
LONGEST_PX = 4096
MOST_BYTES = 256 << 20


class Pictures:
    """JPEG bytes by image id; the last ones asked for stay in memory."""

    def __init__(self, store: Store, most_bytes: int = MOST_BYTES) -> None:
        self._store, self._most = store, most_bytes
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def jpeg(self, image: str) -> bytes:
        """One picture at its native size, at most 4096 px.

        Raises:
            DataError: There is no such image.
            ImageError: It cannot be read.
        """
        with self._lock:
            if image in self._kept:
                self._kept.move_to_end(image)
                return self._kept[image]
        data = encode(load_image(self._store.path_of(self._store.image(image))).pixels)
        with self._lock:
            if image not in self._kept:
                self._kept[image] = data
                self._size += len(data)
            while self._size > self._most and len(self._kept) > 1:
                self._size -= len(self._kept.popitem(last=False)[1])
        return data


def encode(pixels: Image.Image) -> bytes:
    """RGB pixels as the JPEG that is shown."""
    scale = LONGEST_PX / max(pixels.size)
    if scale < 1.0:
        size = (max(1, round(pixels.width * scale)), max(1, round(pixels.height * scale)))
        pixels = pixels.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    buffer = io.BytesIO()
    pixels.save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()
