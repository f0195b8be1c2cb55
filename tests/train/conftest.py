"""Training needs packages that the plain installation lacks; without them these tests are left out."""

from __future__ import annotations

from importlib.util import find_spec

if any(find_spec(name) is None for name in ("torch", "onnx", "gguf", "safetensors")):
    collect_ignore_glob = ["test_*.py"]
else:
    import pytest
    from tiny_nano import tiny_tokenizer
    from tokenizers import Tokenizer

    @pytest.fixture(scope="session")
    def tokenizer() -> Tokenizer:
        """A tokenizer of a few hundred tokens with all control tokens."""
        return tiny_tokenizer()
