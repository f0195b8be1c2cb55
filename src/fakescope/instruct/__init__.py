"""FakeInstruct: training conversations, built from FakeChain records and from labels alone.

Start at `mixture.build_instructions`.
"""
