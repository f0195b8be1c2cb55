"""Byte-pair encoding of a Hugging Face `tokenizer.json`, run by tiktoken.

The library `tokenizers`, which trains such files, brings a hub client of thirty megabytes along; this one reads what
fakescope-nano needs: byte-level BPE with digits one by one (as in SmolLM2), and control tokens.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tiktoken

from fakescope.errors import ModelError

_PIECES = r"\s+(?=\p{N})|\p{N}|'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
"""GPT-2's pieces, with every digit on its own."""

_CONTROL = 1 << 20  # ranks of control tokens lie past all others


class BpeTokenizer:
    """Text to token ids and back.

    Raises:
        ModelError: The file is no byte-level BPE tokenizer of the known shape.
    """

    def __init__(self, path: Path) -> None:
        try:
            content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            model = content["model"]
            self._control: dict[str, int] = {t["content"]: int(t["id"]) for t in content["added_tokens"]}
            self._ids: dict[str, int] = {**model["vocab"], **self._control}
            ranks = _ranks(model["merges"])
            self._id_of_rank = _ids_of_ranks(ranks, self._ids)
            self._bytes = {i: _bytes_of(t) for t, i in self._ids.items() if t not in self._control}
            self._bytes |= {i: text.encode() for text, i in self._control.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelError(f"{path} is not a tokenizer that can be read: {error}") from error
        control = {text: _CONTROL + i for i, text in enumerate(self._control)}
        self._id_of_rank |= {rank: self._control[text] for text, rank in control.items()}
        self._encoding = tiktoken.Encoding(
            path.stem, pat_str=_PIECES, mergeable_ranks=ranks, special_tokens=control
        )

    @property
    def size(self) -> int:
        return len(self._ids)

    def encode(self, text: str) -> list[int]:
        """Token ids; bytes that the vocabulary lacks are left out, control tokens are read as such."""
        known = self._id_of_rank
        return [known[r] for r in self._encoding.encode(text, allowed_special="all") if r in known]

    def decode(self, ids: Sequence[int]) -> str:
        """The text, control tokens included; an unfinished character becomes U+FFFD."""
        return b"".join(self._bytes[i] for i in ids).decode("utf-8", errors="replace")

    def token_id(self, token: str) -> int | None:
        """The id of a token as it stands in the file, or None."""
        return self._ids.get(token)


def _ranks(merges: Sequence[Any]) -> dict[bytes, int]:
    """All bytes first, then what the merges make, in their order."""
    ranks = {bytes([b]): b for b in range(256)}
    for merge in merges:
        pair = merge.split(" ") if isinstance(merge, str) else merge
        ranks.setdefault(_bytes_of("".join(pair)), len(ranks))
    return ranks


def _ids_of_ranks(ranks: dict[bytes, int], ids: dict[str, int]) -> dict[int, int]:
    spelled = {rank: "".join(_CHARACTERS[b] for b in piece) for piece, rank in ranks.items()}
    return {rank: ids[token] for rank, token in spelled.items() if token in ids}


def _characters() -> list[str]:
    """For each byte the printable character that stands for it (GPT-2's table)."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    spare = iter(range(256, 512))
    return [chr(b) if b in printable else chr(next(spare)) for b in range(256)]


_CHARACTERS = _characters()
_BYTE_OF = {c: b for b, c in enumerate(_CHARACTERS)}


def _bytes_of(token: str) -> bytes:
    return bytes(_BYTE_OF[c] for c in token)
