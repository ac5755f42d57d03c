#!/bin/bash
# Which system packages are missing? As root on Debian or Ubuntu they are installed, after saying so; otherwise named.
STEP=system
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

STAMP=$INSTALL/system.stamp
PROGRAMS=$(command -v java javac mvn python3.11 dpkg-deb | xargs -r -n 1 readlink -f) || true
EXTRA="$PROGRAMS ${JAVA_HOME:-}"
DIGEST=$(digest "${BASH_SOURCE[0]}")
is_current "$STAMP" "$DIGEST" && exit 0

java_major() { "$1" -version 2>&1 | sed -n 's/.*[" ]\([0-9]\+\)[."0-9].*/\1/p' | head -1; }

has_java() { local major; major=$(java_major "$1"); [ "${major:-0}" -ge 17 ]; }

missing=()
if ! has_java java || ! has_java javac; then missing+=(default-jdk-headless); fi
command -v mvn > /dev/null || missing+=(maven)
python3.11 -c 'import ensurepip, venv' 2> /dev/null || missing+=(python3.11 python3.11-venv)
command -v dpkg-deb > /dev/null || fail "this system has no dpkg-deb: the local stack is for Debian and Ubuntu"
[ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || missing+=(debian-archive-keyring)
if [ "${#missing[@]}" = 0 ]; then
  echo "$DIGEST" > "$STAMP"
  exit 0
fi

apt_install "for the local stack" "${missing[@]}"
has_java java && has_java javac || fail "java and javac are older than 17, and this system's packages have no newer one: install a JDK 17"
