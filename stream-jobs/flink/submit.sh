#!/usr/bin/env bash
# Submits the jobs named as arguments to the cluster that Flink's configuration names, with the connectors of
# connectors.txt. Their rows go to Kafka as JSON: `flink-<sink>`. docker-compose.yml runs it in Flink's own image.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
work="$(mktemp -d)"
sql_client="${SQL_CLIENT:-/opt/flink/bin/sql-client.sh}"

jars=()
while read -r name version sha256; do
  jar="$work/$name-$version.jar"
  wget -nv -O "$jar" "${MAVEN_URL:-https://repo1.maven.org/maven2}/org/apache/flink/$name/$version/$name-$version.jar"
  echo "$sha256  $jar" | sha256sum -c -
  jars+=(-j "$jar")
done <"$here/connectors.txt"

sink="'connector' = 'kafka', 'topic' = '${PREFIX:-}flink-\\1', 'properties.bootstrap.servers' = '$KAFKA_BROKERS', 'format' = 'json'"
for job in "$@"; do
  cat "$here/sources.sql" "$here/$job.sql" | sed \
    -e "s|\${TARGET}|remote|" \
    -e "s|\${PARALLELISM}|${PARALLELISM:-1}|" \
    -e "s|\${JOB}|$job|" \
    -e "s|\${PREFIX}|${PREFIX:-}|" \
    -e "s|\${KAFKA_BROKERS}|$KAFKA_BROKERS|" \
    -e "s|\${SCHEMA_REGISTRY_URL}|$SCHEMA_REGISTRY_URL|" \
    -e "s|\${BOUNDED}||" \
    -e "s|\${VISIT_GAP}|INTERVAL '00:30:00' HOUR TO SECOND|" \
    -e "s|\${PERFORMANCE_WINDOW}|INTERVAL '01:00:00' HOUR TO SECOND|" \
    -e "s|\${SINK:\([a-z-]*\)}|$sink|" \
    >"$work/$job.sql"
  "$sql_client" -f "$work/$job.sql" "${jars[@]}" | tee "$work/$job.log"
  if grep -q '\[ERROR\]' "$work/$job.log"; then exit 1; fi
done
