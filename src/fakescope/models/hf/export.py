"""A tuned model as one folder that everything else reads: adapters merged, safetensors, its own card."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from fakescope.errors import DataError, ModelError
from fakescope.models.card import save_card
from fakescope.models.hf.load import adapter_config, load_parts
from fakescope.models.hf.options import Dtype
from fakescope.models.names import ModelName, parse_name
from fakescope.models.zoo import NANO_CARD, OWN_CARD, card_of, folder_of, is_of_transformers, source_of

_TOWER = re.compile(
    r"^((?:model\.)?vision_tower\.)(?=embeddings\.|encoder\.|post_layernorm\.|pre_layrnorm\.|head\.)"
)
_NESTED = ("clip_vision_model", "siglip_vision_model")
_PUBLISHED = r"\1vision_model."
SHARD = "4GB"
"""Largest file of weights."""


def export_model(name: str, out: Path, dtype: Dtype = "auto") -> Path:
    """Write a model that needs nothing but its folder.

    A model of transformers gets its adapter merged; the embedded model is copied as it is, in ONNX.

    Args:
        name: As `load_model` takes it.
        out: A folder that does not exist yet, or is empty; it appears whole or not at all.
        dtype: Of the written weights; `auto` as they are.

    Raises:
        DataError: There is something already, or it is a link or within the model's own folder.
        ModelError: It cannot be loaded, is on a server, or is quantised; or a type is asked for in ONNX.
    """
    if out.is_symlink():
        raise DataError(f"{out} is a link", "give a folder")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out} is not empty", "give another folder")
    parsed = parse_name(name)
    if parsed.remote:
        raise ModelError("a model on a server has no weights here", "export it where it is")
    of_transformers = is_of_transformers(parsed)
    source = Path(source_of(parsed)) if of_transformers else folder_of(parsed.source)
    if source.is_dir() and out.resolve().is_relative_to(source.resolve()):
        raise DataError(f"{out} lies in the model's own folder", "give another folder")
    if not of_transformers and dtype != "auto":
        raise ModelError("the weights of a model in ONNX are written as they are", "leave --dtype out")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as made:
        folder = Path(made) / "model"
        if of_transformers:
            if parsed.options.quantise:
                raise ModelError("quantised weights cannot be merged", "leave `quantise` out")
            _save(parsed, folder, dtype)
        else:
            shutil.copytree(folder_of(parsed.source), folder)
            if parsed.card:
                save_card(folder / NANO_CARD, card_of(parsed))
                _note_other_card(folder / "MODEL_CARD.md")
        folder.chmod(0o755)
        if out.exists():
            out.rmdir()
        folder.rename(out)
    return out


def _note_other_card(page: Path) -> None:
    """Say above a model card in words that numbers of the exported card have taken the place of its own."""
    if page.is_file():
        note = (
            "> Exported with another card: calibration, threshold, inconclusive zone, wordings and figures are "
            f"those in `{NANO_CARD}`, and not the ones below.\n\n"
        )
        page.write_text(note + page.read_text(encoding="utf-8"), encoding="utf-8")


def _save(name: ModelName, folder: Path, dtype: Dtype) -> None:
    import torch

    source = source_of(name)
    # Adapters are merged in float32 unless the name says otherwise: half precision rounds the sum.
    loaded_as: Dtype = "float32" if name.options.dtype == "auto" else name.options.dtype
    options = replace(name.options, device=name.options.device or "cpu", dtype=loaded_as)
    model, processor = load_parts(source, options)
    if hasattr(model, "merge_and_unload"):
        model = model.merge_and_unload()
    stored = _stored(source, name) if dtype == "auto" else getattr(torch, dtype)
    model.to(stored).save_pretrained(folder, max_shard_size=SHARD)
    if getattr(getattr(model.config, "vision_config", None), "model_type", "") in _NESTED:
        _name_as_published(folder)
    processor.save_pretrained(folder)
    card = card_of(name)
    save_card(folder / OWN_CARD, card if card.source else replace(card, source=source))


def _name_as_published(folder: Path) -> None:
    """Give the tensors of a CLIP or SigLIP tower the names of published checkpoints again.

    transformers 5.23 writes `vision_tower.encoder` for what it reads under that name and under
    `vision_tower.vision_model.encoder`; servers know the second only.
    """
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file

    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, "pt") as file:
            about, names = file.metadata(), list(file.keys())
        if any(_TOWER.match(name) for name in names):
            tensors = load_file(path)
            save_file({_TOWER.sub(_PUBLISHED, name): t for name, t in tensors.items()}, path, about)
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        listed = json.loads(index.read_text(encoding="utf-8"))
        listed["weight_map"] = {_TOWER.sub(_PUBLISHED, n): file for n, file in listed["weight_map"].items()}
        index.write_text(json.dumps(listed, indent=2) + "\n", encoding="utf-8")


def _stored(source: str, name: ModelName) -> Any:
    """The type of a model's weights as they are stored; of an adapter, of those of its base."""
    import torch
    from transformers import AutoConfig

    base = (adapter_config(source) or {}).get("base_model_name_or_path") or source
    here = Path(base).is_dir()
    revision = {"revision": name.options.revision} if name.options.revision and base == source and not here else {}
    config = AutoConfig.from_pretrained(
        base, local_files_only=here, trust_remote_code=name.options.trust_code, **revision
    )
    kinds = (getattr(part, "dtype", None) for part in (config, config.get_text_config()))
    return next((kind for kind in kinds if isinstance(kind, torch.dtype)), torch.float32)
