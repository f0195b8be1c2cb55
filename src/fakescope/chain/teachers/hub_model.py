"""A transformers model on this machine as a teacher: from a folder, or by its name on the hub."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from fakescope.chain.teachers.base import Fault, Reply, Request, TeacherError
from fakescope.chain.teachers.hosted import answer_text
from fakescope.errors import ImageError, ModelError
from fakescope.images.load import load_image
from fakescope.models.hf import load_chat_model

if TYPE_CHECKING:
    from PIL import Image


class HubTeacher:
    """Drafts by a chat model that runs here, one after the other in a thread of its own.

    Args:
        source: A folder, or a name on the hub.
        trust_code: Run the code that comes with the model.
    """

    def __init__(self, source: str, *, trust_code: bool = False) -> None:
        self._model = load_chat_model(source, trust_code=trust_code)
        folder = Path(source)
        # Of a folder the last part alone: the rest says where someone keeps models, not what they are.
        self._name = f"hf:{folder.resolve().name if folder.is_dir() else source}"
        self._pool = ThreadPoolExecutor(1, "hub-teacher")

    @property
    def name(self) -> str:
        """`hf:`, and the folder's or the model's name."""
        return self._name

    async def ask(self, request: Request) -> Reply:
        """Answer one request.

        Raises:
            TeacherError: BAD_IMAGE, BAD_REQUEST when the model cannot take it (too long for it, out of memory),
                TRUNCATED or EMPTY.
        """
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._answer, request)

    async def close(self) -> None:
        """End the thread, after what it is at."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _answer(self, request: Request) -> Reply:
        try:
            said = self._model.answer(
                _pictures(request), request.system, request.text, max_tokens=request.max_tokens
            )
        except ModelError as error:
            raise TeacherError(Fault.BAD_REQUEST, str(error)) from error
        return answer_text(
            said.text, cut=not said.ended, refusal=None, tokens_in=said.tokens_in, tokens_out=said.tokens_out
        )


def _pictures(request: Request) -> list[Image.Image]:
    try:
        return [load_image(picture.jpeg).pixels for picture in request.pictures]
    except ImageError as error:
        raise TeacherError(Fault.BAD_IMAGE, str(error)) from error
