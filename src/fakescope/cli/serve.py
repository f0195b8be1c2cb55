"""`fakescope serve`: a model for clients of chat models."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from fakescope.cli.console import print_note, safe_text

MOST_CONNECTIONS = 512
"""At a time; a place for a request is another thing."""


def serve(
    model: Annotated[
        str | None,
        typer.Argument(metavar="[MODEL]", help="Model to serve; see `fakescope models`.", show_default=False),
    ] = None,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port; 0 for any that is free.")
    ] = 8000,
    name: Annotated[
        str | None, typer.Option("--name", help="What clients call the model; by default as its card does.")
    ] = None,
    key_env: Annotated[
        str | None,
        typer.Option(
            "--key-env", metavar="VARIABLE", help="Environment variable with the key that clients must send."
        ),
    ] = None,
) -> None:
    """Serve a model in the OpenAI format: chat about an image, streaming, log-probabilities of tokens.

    Answers are greedy: temperature and the like change nothing. Whoever reaches the port can ask, unless a key is set.
    """
    from fakescope.cli.listen import listener
    from fakescope.errors import MissingExtraError, ModelError
    from fakescope.models.base import OpenModel
    from fakescope.models.zoo import load_model

    try:
        import uvicorn

        from fakescope.web.openai.app import make_app
        from fakescope.web.openai.talk import Service
    except ModuleNotFoundError as error:
        raise MissingExtraError("serving a model", "serve") from error
    key = _key(key_env)
    with listener(host, port) as socket:  # a port that is taken is told before the model is loaded
        loaded = load_model(model, level=False)
        if not isinstance(loaded, OpenModel):
            raise ModelError(f"{loaded.card.name} is itself on a server", "serve a model that is here")
        service = Service(loaded, name or loaded.card.name)
        config = uvicorn.Config(
            make_app(service, key), host=host, port=port, log_level="warning", access_log=False,
            server_header=False, limit_concurrency=MOST_CONNECTIONS,
        )  # fmt: skip
        shown = f"[{host}]" if ":" in host else host
        print_note(f"{safe_text(service.name)}: http://{shown}:{socket.getsockname()[1]}/v1")
        if key is None and host not in ("127.0.0.1", "localhost", "::1"):
            print_note("everybody who reaches this address can ask: --key-env sets a key")
        sys.stderr.flush()
        uvicorn.Server(config).run(sockets=[socket])


def _key(variable: str | None) -> str | None:
    from fakescope.errors import ModelError

    if variable is None:
        return None
    key = os.environ.get(variable, "").strip()
    if not key:
        raise ModelError(f"the environment variable {variable} has no key", "set it, or leave --key-env out")
    return key
