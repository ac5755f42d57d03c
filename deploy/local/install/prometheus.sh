#!/bin/bash
# Where do Prometheus, Alertmanager and their command line tools come from? Debian's own packages, unpacked under
# .local/install/prometheus. Bookworm's, since they need no newer C library than any system with Python 3.11 has.
STEP=prometheus
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

SUITE=bookworm
DEST=$INSTALL/prometheus
source "$(dirname "${BASH_SOURCE[0]}")/debian.sh"

PACKAGES=(prometheus prometheus-alertmanager
  fonts-glyphicons-halflings libjs-bootstrap4 libjs-d3 libjs-eonasdan-bootstrap-datetimepicker libjs-jquery
  libjs-jquery-hotkeys libjs-moment libjs-moment-timezone libjs-mustache libjs-popper.js libjs-rickshaw)
DIGEST=$(digest "${BASH_SOURCE[0]}" "$(dirname "${BASH_SOURCE[0]}")/debian.sh")

# Debian's builds read their pages from /usr/share/prometheus. A path as long, relative to the folder that they are
# started in (root/usr), finds them where they are.
unpack() {
  unpack_debs "$DEST/root"
  sed -i 's#/usr/share/prometheus#.////share/prometheus#g' "$DEST"/root/usr/bin/prometheus{,-alertmanager}
  # 200 MB of time zones in every form but the one that the pages use
  find "$DEST/root/usr/share/javascript/moment-timezone" -type f ! -name moment-timezone-with-data.min.js -delete
  ln -s root/usr/bin "$DEST/bin"
  cd "$DEST/root/usr"
  bin/prometheus --version && bin/prometheus-alertmanager --version
}

is_current "$DEST/stamp" "$DIGEST" && exit 0
rm -rf "$DEST"
mkdir -p "$DEST"
run "downloading Prometheus and Alertmanager (35 MB)" fetch_debs "${PACKAGES[@]}"
run "unpacking" unpack
echo "$DIGEST" > "$DEST/stamp"
say "ready"
