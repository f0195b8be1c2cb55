"""Processors without torchvision: pictures go through PIL, and video, which no examination has, through nothing."""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from typing import Any


def has_torchvision() -> bool:
    """Whether transformers can make processors of video."""
    return importlib.util.find_spec("torchvision") is not None


def load_processor(source: str, **options: Any) -> Any:
    """The processor of a model, in a folder or on the hub.

    Raises:
        OSError, ValueError, ImportError, KeyError: As `AutoProcessor.from_pretrained`.
    """
    from transformers import AutoProcessor

    try:
        return AutoProcessor.from_pretrained(source, **options)
    except (ImportError, ValueError) as error:  # transformers raises either when torchvision is missing
        if has_torchvision() or "torchvision" not in str(error).lower():
            raise
        return _load_stills_only(source, **options)


def _load_stills_only(source: str, **options: Any) -> Any:
    """Put a processor together from its parts, without the one for video."""
    from transformers import AutoConfig, AutoImageProcessor, AutoTokenizer
    from transformers.models.auto.processing_auto import PROCESSOR_MAPPING

    config = AutoConfig.from_pretrained(source, **options)
    kind = stills_only(PROCESSOR_MAPPING[type(config)])
    pictures = AutoImageProcessor.from_pretrained(source, **options)
    tokenizer = AutoTokenizer.from_pretrained(source, **options)
    settings, rest = kind.get_processor_dict(source, **options)
    rest = {name: value for name, value in rest.items() if name not in options}
    video = no_video(settings.pop("video_processor", None) or {})
    return kind.from_args_and_dict([pictures, tokenizer, video], settings, **rest)


@lru_cache
def stills_only(kind: type) -> Any:
    """A processor class that takes `no_video` in the place of a video processor, under the same name."""
    if has_torchvision() or "video_processor" not in kind.get_attributes():  # type: ignore[attr-defined]
        return kind
    checked = kind.check_argument_for_proper_class  # type: ignore[attr-defined]

    def check(self: Any, name: str, argument: Any) -> Any:
        return type(argument) if name == "video_processor" else checked(self, name, argument)

    return type(kind.__name__, (kind,), {"check_argument_for_proper_class": check})


def no_video(settings: dict[str, Any]) -> Any:
    """A stand-in for a video processor.

    Args:
        settings: The original's, which are written back when the processor is saved.
    """
    from transformers.video_processing_utils import VideoProcessorMixin

    class NoVideo(VideoProcessorMixin):  # type: ignore[misc]
        """Keeps the settings and refuses every video."""

        _auto_class = None
        merge_size, temporal_patch_size, num_frames, fps, video_sampling = 2, 2, None, None, None

        def to_dict(self) -> dict[str, Any]:
            return dict(settings)

        def __call__(self, *_: Any, **__: Any) -> Any:
            raise ValueError("videos are not read here")

    return NoVideo()
