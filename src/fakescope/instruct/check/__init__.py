"""The quality of a set of instructions, measured."""
