"""Rank the images of a folder by how likely they are fake:  python examples/scan_folder.py FOLDER"""

import sys
from pathlib import Path

import fakescope
from fakescope.errors import FakescopeError

found = []
for path in sorted(Path(sys.argv[1]).glob("*.jpg")):
    try:
        found.append(fakescope.detect(path))
    except FakescopeError as error:
        print(f"{path.name}: {error}", file=sys.stderr)

for examination in sorted(found, key=lambda e: -e.verdict.p_fake):
    verdict = examination.verdict
    print(f"{verdict.p_fake:.2f}  {verdict.label or 'inconclusive':12}  {Path(examination.path).name}")
