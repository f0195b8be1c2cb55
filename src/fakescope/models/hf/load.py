"""A model of transformers from a folder or the hub: no pickle, no code of its own unless asked for."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from fakescope.errors import MissingExtraError, ModelError
from fakescope.images.text import clean_text
from fakescope.models.hf.options import LoadOptions
from fakescope.models.hf.tiles import limit_tiles

_LOADING = (OSError, ValueError, KeyError, TypeError, RuntimeError, ImportError, AttributeError)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_MOST_JSON_BYTES = 1_000_000
KEPT_WHOLE = [
    rf"(.*\.)?{name}"
    for name in (
        "lm_head", "multi_modal_projector", "connector", "visual_abstractor", "merger", "deepstack_merger_list",
    )
]  # fmt: skip
"""Names, as patterns, of modules that bitsandbytes leaves as they are: small, sensitive, and what stage 1 trains."""


def load_parts(source: str, options: LoadOptions | None = None) -> tuple[Any, Any]:
    """A model, in evaluation mode and in its place, and its processor.

    Args:
        source: A folder as `save_pretrained` writes it, a folder with a PEFT adapter, or a name on the hub.
        options: See `LoadOptions`.

    Raises:
        ModelError: There is no such model, or it cannot be loaded in these ways.
        MissingExtraError: A package is not installed.
    """
    options = options or LoadOptions()
    try:
        import torch
        import transformers
    except ModuleNotFoundError as error:
        raise MissingExtraError("a transformers model", "hf") from error
    from fakescope.models.mplug_owl2 import register

    del torch, transformers
    register()
    if adapter_config(source):
        if options.adapter:
            raise ModelError(f"{source!r} is an adapter itself", "give the model that it belongs to")
        base = _base_of(source)
        model, processor = load_parts(base, replace(options, adapter=source))
        return model, processor
    try:
        processor = _processor(source, options)
        model = _model(source, options)
    except _LOADING as error:
        raise ModelError(
            f"the model {source!r} cannot be loaded: {clean_text(error, 300)}", _hint(source)
        ) from error
    if options.tiles is not None:
        limit_tiles(processor, model, options.tiles)
    if options.adapter:
        model = put_adapter_on(model, options.adapter)
    return model.eval(), processor


def put_adapter_on(model: Any, adapter: str, *, trainable: bool = False) -> Any:
    """The model with a PEFT adapter, read from safetensors alone.

    Args:
        model: The model that the adapter belongs to.
        adapter: A folder, or NAME@COMMIT on the hub: what a name points to may change, a commit may not.
        trainable: Whether training goes on.

    Raises:
        ModelError: It cannot be found, does not fit, or is a pickle.
        MissingExtraError: PEFT is not installed.
    """
    try:
        from peft import PeftModel
    except ModuleNotFoundError as error:
        raise MissingExtraError("an adapter", "hf") from error
    folder = _adapter_folder(adapter)
    if not (folder / "adapter_model.safetensors").is_file():
        raise ModelError(
            f"the adapter {adapter!r} has no adapter_model.safetensors", "save it as safetensors"
        )
    try:
        return PeftModel.from_pretrained(model, str(folder), is_trainable=trainable)
    except _LOADING as error:
        raise ModelError(
            f"the adapter {adapter!r} cannot be put on: {clean_text(error, 300)}",
            "does it belong to this model?",
        ) from error


def adapter_config(source: str) -> dict[str, Any] | None:
    """The configuration of an adapter's folder, or None when `source` is no such folder."""
    path = Path(source) / "adapter_config.json"
    try:
        if not path.is_file() or path.stat().st_size > _MOST_JSON_BYTES:
            return None
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return values if isinstance(values, dict) else None


def _base_of(source: str) -> str:
    base = (adapter_config(source) or {}).get("base_model_name_or_path")
    if not isinstance(base, str) or not base:
        raise ModelError(f"the adapter {source!r} does not say which model it belongs to", "give the model")
    return base


def _adapter_folder(adapter: str) -> Path:
    if Path(adapter).is_dir():
        return Path(adapter)
    name, _, commit = adapter.partition("@")
    if not _COMMIT.fullmatch(commit):
        raise ModelError(
            f"there is no folder {adapter!r}",
            "for an adapter on the hub give NAME@COMMIT, with 40 hex digits",
        )
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, revision=commit, allow_patterns=["*.json", "*.safetensors"]))
    except Exception as error:
        raise ModelError(f"the adapter {adapter!r} cannot be fetched: {clean_text(error, 300)}") from error


def _common(source: str, options: LoadOptions) -> dict[str, Any]:
    here = Path(source).is_dir()
    common: dict[str, Any] = {"trust_remote_code": options.trust_code, "local_files_only": here}
    if options.revision and not here:
        common["revision"] = options.revision
    return common


def _processor(source: str, options: LoadOptions) -> Any:
    from fakescope.models.hf.processors import load_processor

    return load_processor(source, **_common(source, options))


def _model(source: str, options: LoadOptions) -> Any:
    from transformers import AutoModelForImageTextToText

    place = _device(options.device)
    how: dict[str, Any] = {"dtype": _dtype(options, place), "use_safetensors": True}
    if options.attention:
        how["attn_implementation"] = options.attention
    if options.quantise:
        how["quantization_config"] = _quantisation(options.quantise, place)
    if options.quantise or place == "auto":
        how["device_map"] = place if place == "auto" else {"": place}
    model = AutoModelForImageTextToText.from_pretrained(source, **how, **_common(source, options))
    return model if "device_map" in how else model.to(place)


def _device(wanted: str | None) -> str:
    import torch

    if wanted and wanted != "auto":
        try:
            torch.device(wanted)
        except RuntimeError as error:
            raise ModelError(f"there is no device {wanted!r}", "cpu, cuda, cuda:1, mps or auto") from error
        return wanted
    if torch.cuda.is_available():
        return wanted or "cuda"
    return "cpu"


def _dtype(options: LoadOptions, place: str) -> Any:
    import torch

    if options.dtype != "auto":
        return getattr(torch, options.dtype)
    return torch.float32 if place == "cpu" and not options.quantise else "auto"


def _quantisation(kind: str, place: str) -> Any:
    import torch
    from transformers import BitsAndBytesConfig, TorchAoConfig

    try:
        if kind == "int8":
            return BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=KEPT_WHOLE)
        if kind == "nf4":
            return BitsAndBytesConfig(
                load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True,
                bnb_4bit_compute_dtype=torch.bfloat16, llm_int8_skip_modules=KEPT_WHOLE,
            )  # fmt: skip
        from torchao.quantization import Int4WeightOnlyConfig, Int8WeightOnlyConfig

        if kind == "torchao-int8":
            return TorchAoConfig(Int8WeightOnlyConfig())
        if place == "cpu":
            raise ModelError("torchao-int4 needs a GPU", "nf4, int8 and torchao-int8 run on a CPU, too")
        return TorchAoConfig(Int4WeightOnlyConfig(int4_packing_format="tile_packed_to_4d"))
    except ImportError as error:
        raise MissingExtraError(f"quantisation to {kind}", "quantise") from error


def _hint(source: str) -> str:
    if Path(source).is_dir():
        return "a folder as save_pretrained writes it, with safetensors"
    return "a folder, or a name on the hub"
