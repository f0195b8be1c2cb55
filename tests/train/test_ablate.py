"""Variants of the ablation: which rows they train on, and that they can be told apart."""

import numpy as np
import pytest

from fakescope.records import ImageRef, Label

torch = pytest.importorskip("torch")

from fakescope.train.ablate import Views, run_variant, variants  # noqa: E402


def views(count: int, seed: int, kinds: tuple[str, ...] = ("plain", "hard")) -> Views:
    """Fakes whose statistics lie a little higher."""
    rng = np.random.default_rng(seed)
    refs = [ImageRef(id=f"i{n}", path="x", label=Label.FAKE if n % 2 else Label.REAL) for n in range(count)]
    shift = np.array([0.3 * (n % 2) for n in range(count)])[:, None, None]
    stats = (rng.normal(size=(count, 12, 384)) + shift).astype(np.float16)
    return Views(refs, [kinds[n % len(kinds)] for n in range(count)], stats)


def test_data_grows_folder_by_folder():
    rows = views(12, 0)
    chosen = variants([frozenset({"i0", "i1"}), frozenset({"i2", "i3", "i4"})])
    sizes = [len(rows.where(v.wanted).refs) for v in chosen]
    assert sizes == [2, 5, 5, 6]
    assert [v.balanced for v in chosen] == [True, True, False, True]
    assert set(rows.where(chosen[-1].wanted).kinds) == {"plain"}


def test_a_variant_is_measured_on_every_set():
    sets = {"dev": views(20, 1, ("clean",)), "test": views(30, 2, ("clean",))}
    everything = frozenset(f"i{n}" for n in range(64))
    found = run_variant(variants([everything])[0], views(64, 0), sets, steps=12, seeds=[0])
    assert {name: m.images for name, m in found.items()} == {"dev": 20, "test": 30}
    assert all(m.auroc > 0.9 for m in found.values())
