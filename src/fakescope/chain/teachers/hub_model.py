"""A transformers model as the teacher, from a folder or a hub."""

from __future__ import annotations

import asyncio

from fakescope.chain.teachers.base import Fault, Reply, Request, TeacherError
from fakescope.images.load import load_image


class HubTeacher:
    """A multimodal chat model in this process, one request at a time.

    Args:
        model: Folder or hub name.
        trust_code: Run code that comes with the model.
    """

    def __init__(self, model: str, *, trust_code: bool = False) -> None:
        from fakescope.models.hf import load_chat_model

        self.name = f"hf:{model}"
        self._chat = load_chat_model(model, trust_code=trust_code)
        self._one = asyncio.Lock()

    async def ask(self, request: Request) -> Reply:
        """See `Teacher.ask`. Waits for the request before."""
        async with self._one:
            return await asyncio.to_thread(self._answer, request)

    async def close(self) -> None:
        """The model stays in memory as long as this teacher."""

    def _answer(self, request: Request) -> Reply:
        pictures = [load_image(picture.jpeg, path="picture").pixels for picture in request.pictures]
        said = self._chat.answer(pictures, request.system, request.text, max_tokens=request.max_tokens)
        if said.cut:
            raise TeacherError(
                Fault.TRUNCATED,
                "the answer reached the limit of tokens",
                tokens_in=said.tokens_in,
                tokens_out=said.tokens_out,
            )
        return Reply(said.text, said.tokens_in, said.tokens_out)
