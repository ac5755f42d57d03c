#!/bin/bash
# How does .venv come to be? From requirements.lock alone, hashes checked, uv itself among them; then the project itself.
STEP=python
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

VENV=$CHECKOUT/.venv
UNFINISHED=$INSTALL/venv.unfinished
LOCK=$CHECKOUT/requirements.lock
DIGEST=$(digest "$LOCK" "$CHECKOUT/pyproject.toml" "${BASH_SOURCE[0]}")
is_current "$VENV/stamp" "$DIGEST" && exit 0

create() {
  # a .venv that another Python or another place made is of no use, nor is one that an interrupt left half filled
  if [ -e "$UNFINISHED" ] || ! "$VENV/bin/python" -c "import sys; assert sys.version_info[:2] == (3, 11) and sys.prefix == '$VENV'"; then
    touch "$UNFINISHED"
    rm -rf "$VENV"
    python3.11 -m venv "$VENV"
  fi
  touch "$UNFINISHED"
}

install_uv() {
  local lines=$INSTALL/uv.requirements
  awk '/^uv==/ { inside = 1 } inside { print } inside && !/\\$/ { exit }' "$LOCK" > "$lines"
  "$VENV/bin/python" -m pip install --quiet --require-hashes --no-deps -r "$lines"
}

install_packages() {
  local uv=("$VENV/bin/uv" pip)
  # compiled now, or every start compiles it all where PYTHONDONTWRITEBYTECODE is set: 3 s for each Dagster process
  "${uv[@]}" sync --python "$VENV/bin/python" --require-hashes --compile-bytecode "$LOCK"
  "${uv[@]}" install --python "$VENV/bin/python" --no-deps --no-build-isolation -e "$CHECKOUT"
}

rm -f "$VENV/stamp"
run "making .venv" create
run "installing uv" install_uv
run "installing the $(grep -c '^[a-zA-Z0-9].*==' "$LOCK") locked packages" install_packages
run "compiling the batch layer's loops" "$VENV/bin/python" -c "import batch.pipeline"
rm "$UNFINISHED"
echo "$DIGEST" > "$VENV/stamp"
say "ready"
