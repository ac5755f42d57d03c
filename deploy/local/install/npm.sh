#!/bin/bash
# Is npm there? The tests of the Power BI project fetch Microsoft's object model with it; nothing else needs it.
STEP=npm
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

command -v npm > /dev/null && exit 0
command="apt-get install -y --no-install-recommends npm"
if [ "$(id -u)" != 0 ] || ! command -v apt-get > /dev/null; then
  fail "npm is missing, which the tests of the Power BI project need; as root run: apt-get update && $command"
fi
say "missing: npm; as root: apt-get update && $command"
export DEBIAN_FRONTEND=noninteractive
run "reading the package lists" apt-get update
run "installing npm" $command
