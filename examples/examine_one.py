"""Examine one image and say what was found:  python examples/examine_one.py photo.jpg"""

import sys

import fakescope

examination = fakescope.examine(sys.argv[1])
verdict = examination.verdict

print(f"{verdict.label or 'inconclusive'}: probability of fake {verdict.p_fake:.2f} ({examination.model})")
print(examination.description)
for evidence in examination.evidence:
    print(f"- {evidence.criterion}, {evidence.finding}: {evidence.observation}")
for limit in examination.limits:
    print(f"But: {limit}")
if examination.conflict:
    print(examination.conflict)
