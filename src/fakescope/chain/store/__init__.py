"""Where the making of a FakeChain is kept: SQLite by default, PostgreSQL by URL. Rows are only ever appended."""

from fakescope.chain.store.store import Store, open_store

__all__ = ["Store", "open_store"]
