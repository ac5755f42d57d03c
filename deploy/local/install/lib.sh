# Functions and paths that the installation steps share. Each of them sources it; it does nothing by itself.
# A step is finished when its stamp holds the digest of everything it was made from; an interrupted one has no stamp.
set -euo pipefail
umask 022
CHECKOUT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
INSTALL=$CHECKOUT/.local/install
STEP=${STEP:-install}
mkdir -p "$INSTALL/logs"

say() { printf '%-12s %s\n' "$STEP" "$*"; }

fail() {
  printf '%-12s %s\n' "$STEP" "$*" >&2
  exit 1
}

# digest FILE...: of the files' contents, this checkout's place and the words in $EXTRA
digest() { { echo "$CHECKOUT ${EXTRA:-}"; cat -- "$@"; } | sha256sum | cut -d' ' -f1; }

is_current() { [ -f "$1" ] && [ "$(<"$1")" = "$2" ]; }  # is_current STAMP DIGEST

# run WHAT COMMAND...: runs it into the step's log; a line every 15 seconds; on failure the log's last lines
run() {
  local what=$1 log=$INSTALL/logs/$STEP.log started=$SECONDS ticker status=0
  shift
  say "$what"
  (while sleep 15 > /dev/null 2>&1; do say "$what: $((SECONDS - started)) s"; done) &
  ticker=$!
  "$@" > "$log" 2>&1 < /dev/null || status=$?
  kill "$ticker" 2> /dev/null || true
  wait "$ticker" 2> /dev/null || true
  if [ "$status" != 0 ]; then
    tail -n 15 "$log" >&2
    fail "$what failed; the whole log: $log"
  fi
}

# apt_install WHAT_FOR PACKAGE...: as root on Debian or Ubuntu it installs them, after saying so; otherwise names them
apt_install() {
  local what_for=$1 command
  shift
  command="apt-get install -y --no-install-recommends $*"
  if [ "$(id -u)" != 0 ] || ! command -v apt-get > /dev/null; then
    fail "missing $what_for: $*; as root run: apt-get update && $command"
  fi
  say "missing $what_for: $*; as root: apt-get update && $command"
  export DEBIAN_FRONTEND=noninteractive
  run "reading the package lists" apt-get update
  run "installing $*" $command
}
