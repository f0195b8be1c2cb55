"""FakeChain: images with a known label, and reasoning from visible traces to that label."""

from fakescope.chain.seed import Seed, load_seed, read_chain, read_labels, write_chain

__all__ = ["Seed", "load_seed", "read_chain", "read_labels", "write_chain"]
