#!/bin/bash
# Installs what a fresh clone needs before anything can run: system packages, .venv, and under .local/install the Kafka broker,
# the Flink job's jars, TimescaleDB and Prometheus. A finished step does nothing; an interrupted one is repeated.
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/install
STEP=install
source "$HERE/lib.sh"
STARTED=$SECONDS

exec 9> "$INSTALL/lock"
flock -n 9 || { say "another installation is at work here: waiting for it"; flock 9; }

steps=()
end_steps() {
  trap - INT TERM EXIT
  for pid in "${steps[@]}"; do kill -- "-$pid" 2> /dev/null || true; done
}
trap end_steps EXIT
trap 'end_steps; exit 130' INT TERM

java_steps() { "$HERE/kafka.sh" && "$HERE/flink_jars.sh"; }
debian_steps() { "$HERE/timescaledb.sh" unpack && "$HERE/prometheus.sh"; }
set -m # each step is a process group of its own, so that an interrupt ends all of it
"$HERE/system.sh" 9>&- & steps=($!)
wait "${steps[0]}"
"$HERE/python.sh" 9>&- & steps=($!)
java_steps 9>&- & steps+=($!)
debian_steps 9>&- & steps+=($!)
failed=0
for pid in "${steps[@]}"; do wait "$pid" || failed=1; done
steps=()
[ "$failed" = 0 ] || exit 1
"$HERE/timescaledb.sh" patch 9>&-
[ $((SECONDS - STARTED)) -lt 2 ] || say "finished after $((SECONDS - STARTED)) s"
