#!/bin/bash
# Is kcat there? The batch layer's benchmark and its test compare with it; nothing else needs it. Where the system has
# none, Debian's own package and the libraries that it needs are unpacked under .local/install/kcat.
STEP=kcat
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

SUITE=bookworm # needs no newer C library than any system with Python 3.11 has
DEST=$INSTALL/kcat
source "$(dirname "${BASH_SOURCE[0]}")/debian.sh"

PACKAGES=(kcat librdkafka1 libyajl2 libsasl2-2 libssl3 liblz4-1 libzstd1 zlib1g)
DIGEST=$(digest "${BASH_SOURCE[0]}" "$(dirname "${BASH_SOURCE[0]}")/debian.sh")

unpack() {
  local libraries
  unpack_debs "$DEST/root"
  libraries=$(dirname "$(ls "$DEST"/root/usr/lib/*/librdkafka.so.1)")
  mkdir -p "$DEST/bin"
  printf '#!/bin/bash\nLD_LIBRARY_PATH=%q:%q exec %q "$@"\n' \
    "$libraries" "${libraries/root\/usr/root}" "$DEST/root/usr/bin/kcat" > "$DEST/bin/kcat"
  chmod +x "$DEST/bin/kcat"
  "$DEST/bin/kcat" -V
}

command -v kcat > /dev/null && exit 0
is_current "$DEST/stamp" "$DIGEST" && exit 0
rm -rf "$DEST"
mkdir -p "$DEST"
run "downloading kcat (5 MB)" fetch_debs "${PACKAGES[@]}"
run "unpacking" unpack
echo "$DIGEST" > "$DEST/stamp"
say "ready"
