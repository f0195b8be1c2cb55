"""fakescope: is this image AI-generated, how sure is that, and why.

The public Python interface is small and imports nothing heavy until it is used:

    >>> import fakescope
    >>> examination = fakescope.examine("photo.jpg")        # doctest: +SKIP
    >>> examination.verdict.p_fake, examination.description  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fakescope.explain.examine import detect, examine
    from fakescope.models.zoo import load_model

__version__ = "0.1.0"
__all__ = ["__version__", "detect", "examine", "load_model"]

_LAZY = {
    "examine": "fakescope.explain.examine",
    "detect": "fakescope.explain.examine",
    "load_model": "fakescope.models.zoo",
}


def __getattr__(name: str) -> Any:
    """Import the public functions on first use, so that `import fakescope` stays instant."""
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'fakescope' has no attribute {name!r}")
