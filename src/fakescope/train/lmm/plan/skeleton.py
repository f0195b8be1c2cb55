"""A model without weights: its modules on torch's meta device, where tensors have a shape and a dtype and no bytes."""

from __future__ import annotations

import copy
import logging
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from fakescope.errors import MissingExtraError, ModelError
from fakescope.images.text import clean_text
from fakescope.models.hf.load import adapter_config
from fakescope.models.names import ModelName, parse_name
from fakescope.models.zoo import source_of
from fakescope.records import JsonObject
from fakescope.train.lmm.groups import language_linears, projector_modules, set_trainable
from fakescope.train.lmm.recipe import Recipe, check_adapter

_LOADING = (OSError, ValueError, KeyError, TypeError, RuntimeError, ImportError, AttributeError)


@dataclass(frozen=True)
class Skeleton:
    """What a recipe trains.

    Attributes:
        model: On the meta device, in its dtype, adapters put on, what learns set to learn.
        name: As the recipe has it.
        shape: Its entry in shapes.yaml, if it has one.
        folder: Where it lies on disk, with its processor, if it does.
        dtype: Of the weights as they are loaded.
    """

    model: Any
    name: ModelName
    shape: JsonObject | None
    folder: Path | None
    dtype: str


def build_skeleton(recipe: Recipe) -> Skeleton:
    """The model of a recipe as the stage would prepare it; no weight is read or made.

    Raises:
        ModelError: Its sizes are not known here, or nothing of it would learn.
        MissingExtraError: transformers or PEFT is not installed.
    """
    try:
        import peft
        import transformers
    except ModuleNotFoundError as error:
        raise MissingExtraError("a plan of a training run", "tune") from error
    from fakescope.models.mplug_owl2 import register

    del peft, transformers
    register()
    name = parse_name(recipe.model)
    source = source_of(name)
    adapter = source if adapter_config(source) else name.options.adapter
    base = _base(source) if adapter == source else source
    config, shape = _config(base, name)
    dtype = _dtype(name, config, shape)
    model = on_meta(config, dtype)
    set_trainable(model, () if recipe.lora else recipe.trained)
    if recipe.lora:
        model = _with_adapters(model, recipe, adapter)
    if not any(p.requires_grad for p in model.parameters()):
        raise ModelError("nothing of this model would learn", "name groups in `trained`, or give lora")
    return Skeleton(model, name, shape, Path(base) if Path(base).is_dir() else None, dtype)


def on_meta(config: Any, dtype: str = "float32") -> Any:
    """The model of a configuration, without weights. A model of 8 billion parameters takes a quarter of a second."""
    import torch
    from transformers import AutoModelForImageTextToText

    logging.getLogger("transformers").setLevel(logging.ERROR)
    with torch.device("meta"):
        return AutoModelForImageTextToText.from_config(copy.deepcopy(config), dtype=getattr(torch, dtype))


@lru_cache
def shapes() -> dict[str, JsonObject]:
    """Name in the zoo -> `config`, `family` and `pictures`."""
    text = Path(__file__).with_name("shapes.yaml").read_text(encoding="utf-8")
    found: dict[str, JsonObject] = yaml.safe_load(text)
    return found


def config_of(shape: JsonObject) -> Any:
    """transformers' configuration of an entry in shapes.yaml."""
    from transformers import AutoConfig

    values = copy.deepcopy(shape["config"])
    return AutoConfig.for_model(values.pop("model_type"), **values)


def _config(base: str, name: ModelName) -> tuple[Any, JsonObject | None]:
    from transformers import AutoConfig

    for known, shape in shapes().items():
        if base in (known, source_of(ModelName(known))):
            return config_of(shape), shape
    here = Path(base).is_dir()
    try:
        if not here and not name.hub:
            raise OSError("there is no such folder")
        return AutoConfig.from_pretrained(
            base, local_files_only=here, trust_remote_code=name.options.trust_code
        ), None
    except _LOADING as error:
        raise ModelError(
            f"the sizes of {base!r} are not known: {clean_text(error, 200)}",
            f"give a folder with a config.json, or one of {', '.join(shapes())}",
        ) from error


def _base(adapter: str) -> str:
    base = (adapter_config(adapter) or {}).get("base_model_name_or_path")
    if not isinstance(base, str) or not base:
        raise ModelError(f"the adapter {adapter!r} does not say which model it belongs to", "give the model")
    return base


def _dtype(name: ModelName, config: Any, shape: JsonObject | None) -> str:
    """As the recipe says; else as stored, which for the zoo is taken to be bfloat16."""
    if name.options.dtype != "auto":
        return name.options.dtype
    if shape:
        return "bfloat16"
    return str(getattr(config, "dtype", None) or "float32").removeprefix("torch.")


def _with_adapters(model: Any, recipe: Recipe, adapter: str | None) -> Any:
    """Adapters as the stage puts them on: an earlier stage's go on, or else new ones."""
    from peft import LoraConfig, PeftConfig, get_peft_model

    assert recipe.lora is not None
    if adapter and Path(adapter).is_dir():
        config = PeftConfig.from_pretrained(adapter)
        check_adapter(recipe, config.to_dict())
        config.inference_mode = False  # as it is saved, it would not learn
    else:
        saved = projector_modules(model) if "projector" in recipe.trained else None
        config = LoraConfig(
            r=recipe.lora.rank, lora_alpha=recipe.lora.alpha, lora_dropout=recipe.lora.dropout,
            target_modules=language_linears(model), modules_to_save=saved, task_type="CAUSAL_LM",
        )  # fmt: skip
    return get_peft_model(model, config)
