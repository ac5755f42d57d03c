#!/bin/bash
# Where does the Kafka broker come from? From Maven Central, as deploy/local/kafka/pom.xml says.
STEP=kafka
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

POM=$CHECKOUT/deploy/local/kafka/pom.xml
DIGEST=$(digest "$POM" "${BASH_SOURCE[0]}")
is_current "$INSTALL/kafka/stamp" "$DIGEST" && exit 0

new=$INSTALL/kafka.new
rm -rf "$new"
run "downloading the broker (60 MB)" \
  mvn -B -ntp -Dstyle.color=never -f "$POM" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$new"
echo "$DIGEST" > "$new/stamp"
rm -rf "$INSTALL/kafka"
mv "$new" "$INSTALL/kafka"
say "ready"
