# Defines the functions that the runbooks use. In bash, in the checkout: source docs/runbooks/shell.sh
# It puts this project's programs on the path and gets all addresses from `sma status`.
checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
state_dir=${SMA_STATE_DIR:-$checkout/.local}
PATH=$checkout/.venv/bin:$checkout/.local/install/prometheus/bin:$checkout/.local/install/timescaledb/root/usr/lib/postgresql/17/bin:$PATH
eval "$(sma status --json 2> /dev/null | python -c '
import json, shlex, sys
for name, value in json.load(sys.stdin).items():
    if isinstance(value, str):
        print(f"{name}={shlex.quote(value)}")
')"

# sql QUERY: as the role that may read every table
sql() { psql "$database_url" --no-psqlrc --pset pager=off --command "$1"; }

# kept NAME: a value of sma.env
kept() { dotenv --file "$state_dir/sma.env" get "$1"; }

# sessions QUERY: as the local superuser, the only role that may end all sessions
sessions() {
  PGPASSWORD=$(kept SMA_PASSWORD_POSTGRES) psql --host 127.0.0.1 --port "$(kept SMA_POSTGRES_PORT)" --username postgres \
    --dbname sma --no-psqlrc --pset pager=off --command "$1"
}

# ask URL [JSON]: the response, indented
ask() {
  python -c '
import json, sys, urllib.request
url, *body = sys.argv[1:]
request = urllib.request.Request(url, body[0].encode() if body else None, {"content-type": "application/json"})
print(json.dumps(json.load(urllib.request.urlopen(request, timeout=30)), indent=2))
' "$@"
}

# flink PATH: a path of Flink's REST API; job_id: the id of the job that `sma stream status` shows
flink() { ask "$flink_url$1"; }
job_id() { sma stream status --json | python -c 'import json, sys; print(json.load(sys.stdin)["job_id"])'; }

# ask_dagster QUERY: a query in GraphQL
ask_dagster() { ask "$dagster_url/graphql" "$(python -c 'import json, sys; print(json.dumps({"query": sys.argv[1]}))' "$1")"; }

# promql EXPRESSION: its present value in Prometheus
promql() { promtool query instant "$prometheus_url" "$1"; }

# amtool ...: with the running Alertmanager
amtool() { command amtool --alertmanager.url="$alertmanager_url" "$@"; }

# last_lines PROGRAM [N]: the end of its log
last_lines() { tail -n "${2:-15}" "$state_dir/logs/$1.log"; }

# kafka_transactions ...: Kafka's own kafka-transactions.sh, with the running Kafka, as somebody who administers it
kafka_transactions() { python -m deploy.local.kafka_tool org.apache.kafka.tools.TransactionsCommand "$@"; }
