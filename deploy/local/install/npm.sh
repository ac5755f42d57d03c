#!/bin/bash
# Checks that npm is there. The tests of the Power BI project fetch Microsoft's object model with it; nothing else needs it.
STEP=npm
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

command -v npm > /dev/null && exit 0
apt_install "for the tests of the Power BI project" npm
