#!/bin/bash
# Builds the one jar that the Flink jobs run from: streaming/operator with its connectors inside.
STEP=flink-jars
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

OPERATOR=$CHECKOUT/streaming/operator
mapfile -d '' sources < <(find "$OPERATOR/pom.xml" "$OPERATOR/src/main" "$CHECKOUT/sma/limits.properties" -type f -print0 | sort -z)
DIGEST=$(digest "${sources[@]}" "${BASH_SOURCE[0]}")
is_current "$INSTALL/flink-jars/stamp" "$DIGEST" && exit 0

new=$INSTALL/flink-jars.new
rm -rf "$new"
run "building the operator and downloading the connectors" mvn -B -ntp -Dstyle.color=never -f "$OPERATOR/pom.xml" package -DskipTests
mkdir "$new"
cp "$OPERATOR/target/job/sma-streaming.jar" "$new"
echo "$DIGEST" > "$new/stamp"
rm -rf "$INSTALL/flink-jars"
mv "$new" "$INSTALL/flink-jars"
say "ready"
