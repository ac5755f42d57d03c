#!/bin/bash
# Checks that a Chromium is there. The test of the overview page reads it with one; nothing else needs it. It is 124 MB to
# download, so only the targets of the tests ask for it.
STEP=chromium
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

for name in chromium chromium-browser google-chrome; do
  ! command -v "$name" > /dev/null || exit 0
done
apt_install "for the test of the overview page" chromium fonts-dejavu-core
