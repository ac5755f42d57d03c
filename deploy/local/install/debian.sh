# How do Debian's own packages come here without touching the system? Through a private apt state, which is thrown away.
# Sourced by the steps that need some, after lib.sh; they set DEST, the folder of the step, and SUITE.
APT=$DEST/apt

private_apt() {
  apt-get -qq -o Dir::State="$APT/state" -o Dir::Cache="$APT/cache" -o APT::Sandbox::User="$(id -un)" \
    -o Acquire::Retries=3 "$@"
}

suite_apt() {
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

# fetch_debs PACKAGE...: the packages of the suite as files in $DEST/debs
fetch_debs() {
  local keyring found
  keyring=$(dpkg -L debian-archive-keyring 2> /dev/null | grep '/debian-archive-keyring\.\(gpg\|pgp\)$' | head -1) || true
  [ -n "$keyring" ] || { echo "needs Debian's package debian-archive-keyring: apt-get install debian-archive-keyring"; return 1; }
  mkdir -p "$APT"/{state,system}/lists/partial "$APT/cache/archives/partial" "$APT/preferences.d" "$DEST/debs"
  : > "$APT/status"
  : > "$APT/preferences"
  found=${SMA_DEBIAN_MIRROR:-$(mirror)}
  if [ -z "$found" ]; then # apt-get update has never run here
    private_apt -o Dir::State="$APT/system" update || true
    found=$(mirror)
  fi
  [ -n "$found" ] || { echo "apt knows no Debian mirror: set SMA_DEBIAN_MIRROR to the URL of one"; return 1; }
  echo "deb [signed-by=$keyring] $found $SUITE main" > "$APT/sources.list"
  suite_apt update
  cd "$DEST/debs"
  suite_apt download "$@"
}

# unpack_debs ROOT: what fetch_debs has fetched
unpack_debs() {
  local deb
  mkdir -p "$1"
  for deb in "$DEST"/debs/*.deb; do dpkg-deb -x "$deb" "$1"; done
  rm -rf "$1"/usr/share/{doc,man,locale,lintian} "$APT" "$DEST/debs"
}
