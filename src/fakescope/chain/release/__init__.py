"""The finished data set.

assemble   store -> chain records: final text, status, lineage
shards     records <-> Parquet rows, with a schema version
write      a release: shards, JSON Lines, data card, sums
read       a release back into records
stats      what is in it
diff       what changed between two
validate   what is wrong with it
"""

from fakescope.chain.release.read import read_release
from fakescope.chain.release.write import write_release

__all__ = ["read_release", "write_release"]
