"""What a picture costs: the family's own processor is shown a levelled one, and what comes out is counted.

For a model that is not on disk, the processor is that of the family's toy with the published settings of shapes.yaml.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fakescope.errors import ModelError
from fakescope.images.preprocess import LONGER_SIDE_PX
from fakescope.images.text import clean_text
from fakescope.models.hf.prompt import Prompter
from fakescope.models.hf.tiles import limit_tiles
from fakescope.records import JsonObject, Message
from fakescope.train.lmm.plan.skeleton import Skeleton

LARGEST = (LONGER_SIDE_PX, LONGER_SIDE_PX)
"""Width and height of the levelled picture that takes most."""


@dataclass(frozen=True)
class Look:
    """A picture in numbers.

    Attributes:
        tokens: In the language model, with those that frame them.
        views: Pictures that the encoder sees: tiles and the whole.
        patches: Of a view, a class token among them.
    """

    tokens: int
    views: int
    patches: int


def look(skeleton: Skeleton, size: tuple[int, int] = LARGEST) -> Look:
    """The numbers of a picture of this width and height.

    Raises:
        ModelError: The processor cannot be loaded, or does not take the picture.
    """
    from PIL import Image

    processor = processor_of(skeleton)
    if skeleton.name.options.tiles is not None:
        limit_tiles(processor, skeleton.model, skeleton.name.options.tiles)
    picture = Image.new("RGB", size, (120, 130, 140))
    prompter = Prompter(processor)
    question = [Message(role="user", content="?")]
    try:
        seen = processor(
            images=[[picture]],
            text=[prompter.render(question).text],
            return_tensors="pt",
            add_special_tokens=False,
        )
        bare = processor.tokenizer(prompter.render(question, images=0).text, add_special_tokens=False)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RuntimeError) as error:
        raise ModelError(f"the model's processor takes no picture: {clean_text(error, 200)}") from error
    tokens = seen["input_ids"].shape[1] - len(bare["input_ids"])
    return Look(tokens, *_views(seen["pixel_values"], skeleton.model))


def processor_of(skeleton: Skeleton) -> Any:
    """The model's processor, or for a model that is not here one with its settings and a toy's words."""
    from fakescope.models.hf.processors import load_processor

    if skeleton.folder is None:
        return _published(skeleton.shape or {})
    try:
        return load_processor(str(skeleton.folder), local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError, ImportError, AttributeError) as error:
        raise ModelError(
            f"the processor of {str(skeleton.folder)!r} cannot be loaded: {clean_text(error, 200)}"
        ) from error


def _published(shape: JsonObject) -> Any:
    from fakescope.models.hf.tiny import FAMILIES

    _, processor = FAMILIES[shape["family"]]()
    pictures = type(processor.image_processor)(**shape["pictures"])
    for name, value in shape.get("processor", {}).items():
        setattr(processor, name, value)
    if hasattr(processor, "full_image_sequence"):  # Gemma 3 writes it out when it is made
        begin, end = processor.boi_token, processor.tokenizer.eoi_token
        processor.full_image_sequence = (
            f"\n\n{begin}{processor.image_token * processor.image_seq_length}{end}\n\n"
        )
    processor.image_processor = pictures
    return processor


def _views(pixels: Any, model: Any) -> tuple[int, int]:
    """Views and patches of a view, off the shape of the processor's result."""
    config = getattr(model.config, "vision_config", None) or model.config.vision
    if pixels.ndim == 2:  # patches of a picture at its own resolution
        return 1, int(pixels.shape[0])
    side = config.patch_size if isinstance(config.patch_size, int) else config.patch_size[0]
    height, width = pixels.shape[-2:]
    views = int(pixels.numel() // (pixels.shape[-3] * height * width))
    return views, (height // side) * (width // side) + _class_token(model)


def _class_token(model: Any) -> int:
    names = ("class_embedding", "cls_token")
    return int(any(name.rpartition(".")[2] in names for name, _ in model.named_parameters()))
