#!/bin/bash
# Builds what Flink runs of this project: the one jar of the jobs, which is streaming/operator with its connectors inside,
# and the plugin by which Flink serves its metrics. `lib` has Kafka's clients once more, for Flink's own lib folder.
STEP=flink-jars
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

OPERATOR=$CHECKOUT/streaming/operator
METRICS=$CHECKOUT/monitoring/flink
mapfile -d '' sources < <(
  find "$OPERATOR/pom.xml" "$OPERATOR/src/main" "$CHECKOUT/sma/limits.properties" "$METRICS/pom.xml" "$METRICS/src" -type f -print0 | sort -z
)
DIGEST=$(digest "${sources[@]}" "${BASH_SOURCE[0]}")
is_current "$INSTALL/flink-jars/stamp" "$DIGEST" && exit 0

new=$INSTALL/flink-jars.new
rm -rf "$new"
run "building the operator and downloading the connectors" mvn -B -ntp -Dstyle.color=never -f "$OPERATOR/pom.xml" package -DskipTests
run "collecting Kafka's clients" mvn -B -ntp -Dstyle.color=never -f "$OPERATOR/pom.xml" dependency:copy-dependencies \
  -DincludeArtifactIds=kafka-clients,zstd-jni,jose4j,jackson-core,jackson-databind,jackson-annotations \
  -DincludeScope=runtime -DoutputDirectory="$new/lib"
run "building the plugin for metrics" mvn -B -ntp -Dstyle.color=never -f "$METRICS/pom.xml" clean package
mkdir -p "$new/plugins"
cp "$OPERATOR/target/job/sma-streaming.jar" "$new"
cp -r "$METRICS/target/plugin" "$new/plugins/metrics"
echo "$DIGEST" > "$new/stamp"
rm -rf "$INSTALL/flink-jars"
mv "$new" "$INSTALL/flink-jars"
say "ready"
