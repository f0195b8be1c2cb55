#!/usr/bin/env bash
# From images to a reviewed FakeChain, as an executable table of contents of docs/fakechain.md.
#
#   runs/fakechain.sh IMAGES OUT [COUNT]
#
# IMAGES is anything that `fakescope chain collect` takes. People are simulated (runs/simulated_people.py), and the teacher is
# a server that answers, fails, times out, breaks its JSON and lies about the label: a rehearsal without people or costs.
set -euo pipefail
cd "$(dirname "$0")/.."
IMAGES=$1 OUT=$2 COUNT=${3:-200}
CHAIN=$OUT/chain
PYTHON=${PYTHON:-python}
fakescope() { "$PYTHON" -m fakescope "$@"; }
mkdir -p "$OUT"

echo "== 1 collect and audit"
fakescope chain collect "$CHAIN" "$IMAGES" --limit "$COUNT"
fakescope data audit "$CHAIN" --report "$OUT/audit.html" > "$OUT/audit.txt"

echo "== 2 steer: two people judge blind"
for name in ann bob; do fakescope chain people add "$CHAIN" $name > "$OUT/$name.link"; done
fakescope chain people add "$CHAIN" eve --role owner > "$OUT/eve.link"
coproc ROOM { exec "$PYTHON" -m fakescope chain review "$CHAIN" --port 0 --reviewers 2 2>&1; }
coproc_pid=$ROOM_PID
coproc_out=${ROOM[0]}
trap 'kill "$coproc_pid" "${teacher_pid:-}" 2>/dev/null || true' EXIT
read -r _ _ ROOM_URL <&"$coproc_out"
people() { "$PYTHON" runs/simulated_people.py "$1" "$ROOM_URL" "$OUT"; }
people steer

echo "== 3 demonstrate: exemplars, merged from people and a machine, checked by the owner"
"$PYTHON" benchmarks/fake_teacher.py --latency 0.1 --log "$OUT/asked.jsonl" \
    --faults "http_500=.04,timeout=.02,disconnect=.02,rate_limit=.04,broken_json=.05,wrong_schema=.03,wrong_label=.05,empty=.02,truncated=.02,refusal=.02" \
    > "$OUT/teacher.url" &
teacher_pid=$!
until [ -s "$OUT/teacher.url" ]; do sleep 0.1; done
teacher=(--teacher openai:rehearsal --url "$(cat "$OUT/teacher.url")" --timeout 2 --concurrency 16)
fakescope chain enlighten "$CHAIN" --mode plain "${teacher[@]}" || [ $? = 3 ]
fakescope chain exemplars propose "$CHAIN" --count 10
people exemplars

echo "== 4 enlighten: the teacher writes, with supervision; what failed is asked once more"
fakescope chain enlighten "$CHAIN" "${teacher[@]}" || [ $? = 3 ]
fakescope chain enlighten "$CHAIN" "${teacher[@]}" --retry-failed || [ $? = 3 ]

echo "== 5 check, review, adjudicate, compare"
fakescope chain check "$CHAIN"
people review
people adjudicate
people compare
fakescope chain agree "$CHAIN" | tee "$OUT/agree.txt"

echo "== 6 release"
fakescope chain release "$CHAIN" "$OUT/release" --name rehearsal --version 1 --images embed
fakescope chain validate "$OUT/release"
fakescope chain stats "$OUT/release"
fakescope chain status "$CHAIN"
