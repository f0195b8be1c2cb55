"""`fakescope export`: a tuned model as one folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fakescope.cli.chain_options import AsJson


def export(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="See `fakescope models`.", show_default=False)
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="New folder.", show_default=False)],
    dtype: Annotated[
        str, typer.Option("--dtype", help="Of the weights: auto (as stored), float32, bfloat16, float16.")
    ] = "auto",
    as_json: AsJson = False,
) -> None:
    """Write a model as one folder: adapters merged, weights in safetensors, its card with the calibration beside them.

    The folder is what transformers, vLLM and SGLang read, and what llama.cpp's converter makes GGUF of. The embedded
    model is written as it is, in ONNX.
    """
    from typing import get_args

    from fakescope.cli.chain_options import print_json, print_table
    from fakescope.errors import ConfigError
    from fakescope.models.hf.export import export_model
    from fakescope.models.hf.options import Dtype

    if dtype not in get_args(Dtype):
        raise ConfigError(f"--dtype cannot be {dtype!r}", f"one of {', '.join(get_args(Dtype))}")
    made = export_model(model, out, dtype)  # type: ignore[arg-type]
    size = sum(file.stat().st_size for file in made.rglob("*") if file.is_file())
    if as_json:
        print_json({"model": str(made), "bytes": size})
        return
    print_table(str(made), [("size", f"{size / 2**20:,.0f} MiB"), ("use it", f"--model {made}")])
