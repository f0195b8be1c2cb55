"""GPUs that a run can be planned for."""

from __future__ import annotations

from dataclasses import dataclass

from fakescope.errors import ConfigError

GIB = 2**30


@dataclass(frozen=True)
class Gpu:
    """A model of GPU.

    Attributes:
        name: As the command takes it.
        gib: Memory that a program can take: what the driver reports, a little less than the label says.
        tflops: Dense bfloat16 products with float32 sums, as the maker states it.
        price: Dollars an hour, an assumption about renting one on demand; prices change by the week.
    """

    name: str
    gib: float
    tflops: float
    price: float


_ALL = (
    Gpu("rtx3090-24", 23.6, 71, 0.3),
    Gpu("rtx4090-24", 23.6, 165, 0.5),
    Gpu("l4-24", 22.0, 121, 0.7),
    Gpu("a6000-48", 47.5, 155, 0.8),
    Gpu("l40s-48", 44.4, 362, 1.2),
    Gpu("a100-40", 39.4, 312, 1.3),
    Gpu("a100-80", 79.2, 312, 1.8),
    Gpu("h100-80", 79.1, 989, 3.0),
    Gpu("h200-141", 139.8, 989, 3.8),
)
GPUS = {gpu.name: gpu for gpu in _ALL}
DEFAULT_GPU = "a100-80"


def find_gpu(name: str) -> Gpu:
    """The GPU of that name.

    Raises:
        ConfigError: None is known by it.
    """
    try:
        return GPUS[name.lower()]
    except KeyError:
        raise ConfigError(f"no GPU is known as {name!r}", f"one of {', '.join(GPUS)}") from None
