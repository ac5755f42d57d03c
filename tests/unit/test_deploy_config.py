"""Rendered configuration: everything on loopback, on this stack's ports, and nothing lost to retention by time."""

import configparser
import json
import shlex
import string
from pathlib import Path

import pytest
import yaml
from requests.certs import where

from deploy.local.environment import DATABASE_URLS, Environment, plan_environment
from deploy.local.lifecycle.supervisor import socket_path
from deploy.local.services.java_logs import trust_store, write_trust_store
from deploy.local.services.kafka_config import render_broker
from deploy.local.services.programs import config_files, program_options
from deploy.local.services.render import CONFIG_DIR, FLINK_HOME, render_supervisord, render_template
from sma.errors import SmaError
from sma.settings import CHECKOUT, Settings
from tests.support.splunk_collector import TOKEN


@pytest.fixture
def environment(tmp_path) -> Environment:
    return plan_environment(tmp_path, {"SMA_PORT_BASE": "21000"}, None)


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(state_dir=tmp_path)


def programs_of(settings, environment, **environ) -> dict[str, dict[str, str]]:
    """Return supervisord's options of each process by its name."""
    options = program_options(settings, environment, config_files(settings, environment), environ)
    return {each["name"]: each for each in options}


@pytest.mark.parametrize("name", sorted(path.name for path in CONFIG_DIR.iterdir()))
def test_every_template_is_filled_in_whole(name, environment):
    is_broker = name == "server.properties"
    rendered = render_broker(environment, "kafka") if is_broker else render_template(name, environment)
    assert not string.Template(rendered).get_identifiers()


def test_kafka_keeps_old_event_times_and_makes_no_topic_by_itself(environment):
    lines = render_broker(environment, "kafka").splitlines()
    properties = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert properties["log.retention.ms"] == "-1"
    assert properties["log.message.timestamp.type"] == "LogAppendTime"
    assert properties["auto.create.topics.enable"] == "false"
    assert properties["listeners"] == "BROKER://127.0.0.1:21000,CONTROLLER://127.0.0.1:21001"


def test_flink_keeps_the_stock_java_options_and_binds_to_loopback(settings, environment):
    files = config_files(settings, environment)["flink"]
    config = yaml.safe_load(next(text for path, text in files.items() if path.name == "config.yaml"))
    stock = yaml.safe_load((FLINK_HOME / "conf" / "config.yaml").read_text())
    assert config["env.java.opts.all"].startswith(stock["env"]["java"]["opts"]["all"])
    assert "-Duser.timezone=UTC" in config["env.java.opts.all"]
    hosts = [config[name] for name in config if name.endswith(("host", "bind-address", "rpc.address"))]
    assert set(hosts) == {"127.0.0.1"}
    assert config["execution.checkpointing.dir"] == f"{settings.flink_storage_uri}/checkpoints"
    assert config["execution.checkpointing.externalized-checkpoint-retention"] == "RETAIN_ON_CANCELLATION"


@pytest.mark.parametrize("url", ["", "https://login.example/token"])
def test_flink_may_get_tokens_from_the_token_url_alone(tmp_path, environment, url):
    settings = Settings(state_dir=tmp_path, kafka_oauth_token_url=url)
    files = config_files(settings, environment)["flink"]
    options = yaml.safe_load(next(text for path, text in files.items() if path.name == "config.yaml"))[
        "env.java.opts.all"
    ]
    allowed = [option for option in options.split() if "oauthbearer.allowed.urls" in option]
    assert allowed == ([f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={url}"] if url else [])


def test_a_change_of_configuration_changes_the_program_and_so_restarts_it(settings, environment):
    files = config_files(settings, environment)
    slower = config_files(settings.model_copy(update={"checkpoint_interval": "1 minute"}), environment)
    before, after = (program_options(settings, environment, each, {}) for each in (files, slower))
    changed = {old["name"] for old, new in zip(before, after, strict=True) if old != new}
    assert changed == {"flink-jobmanager", "flink-taskmanager"}


def test_no_password_is_in_an_environment_but_that_of_dagsters_database_in_dagsters(tmp_path, environment):
    own = environment.values["SMA_DAGSTER_DATABASE_URL"]
    programs = programs_of(Settings(state_dir=tmp_path, dagster_database_url=own), environment)
    with_own = {name for name, each in programs.items() if own in each["environment"]}
    assert with_own == {"dagster-code", "dagster-webserver", "dagster-daemon"}
    passwords = {value for name, value in environment.values.items() if name.startswith("SMA_PASSWORD_")}
    assert len(passwords) > 5
    for each in programs.values():
        assert not [word for word in passwords if word in each["environment"].replace(own, "")]


def test_what_sma_env_says_reaches_our_processes_by_that_file_and_starts_them_again(tmp_path, settings):
    given = {
        "SMA_KAFKA_BOOTSTRAP": "kafka.example:9092",
        "SMA_KAFKA_PASSWORD": "s3cret",
        "SMA_KAFKA_STREAM_PASSWORD_FILE": "/run/s3cret",
        **{f"{name}_FILE": "/run/s3cret" for name in DATABASE_URLS},
        "SMA_AUTOMATION": "false",
    }

    before, after = (
        programs_of(settings, plan_environment(tmp_path, environ, None), **environ)
        for environ in (given, given | {"SMA_KAFKA_USERNAME": "another"})
    )
    assert [name for name, each in before.items() if "s3cret" in each["environment"]] == []
    ours = {"dagster-code", "dagster-webserver", "dagster-daemon", "heartbeats", "exporter", "overview"}
    assert {name for name, each in before.items() if 'SMA_AUTOMATION="false"' in each["environment"]} == ours
    assert {name for name in before if before[name] != after[name]} == ours


@pytest.mark.parametrize("value", ["a\nb", "a #b", "a ;b", '"it\'s"'])
def test_what_supervisord_would_read_otherwise_is_refused_with_the_way_out(settings, environment, value):
    with pytest.raises(SmaError, match="^SMA_POWERBI_CLIENT_SECRET: supervisord .* SMA_POWERBI_CLIENT_SECRET_FILE"):
        programs_of(settings, environment, SMA_POWERBI_CLIENT_SECRET=value)


def test_the_code_server_has_the_code_location_of_the_checkouts_workspace(settings, environment):
    (wanted,) = yaml.safe_load((CHECKOUT / "workspace.yaml").read_text())["load_from"]
    (found,) = yaml.safe_load(render_template("workspace.yaml", environment))["load_from"]
    assert found["grpc_server"]["location_name"] == wanted["python_module"]["location_name"]
    programs = programs_of(settings, environment)
    command = shlex.split(programs["dagster-code"]["command"])
    assert command[command.index("-m", 3) + 1] == wanted["python_module"]["module_name"]
    assert command[-2:] == ["-p", str(found["grpc_server"]["port"])]


def test_prometheus_asks_every_process_that_measures(environment):
    config = yaml.safe_load(render_template("prometheus.yml", environment))
    asked = {
        scrape["job_name"]: [target for each in scrape["static_configs"] for target in each["targets"]]
        for scrape in config["scrape_configs"]
    }
    assert asked == {
        "exporter": ["127.0.0.1:21008"],
        "flink": ["127.0.0.1:21009", "127.0.0.1:21010"],
        "alertmanager": ["127.0.0.1:21007"],
        "prometheus": ["127.0.0.1:21006"],
    }
    assert config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] == ["127.0.0.1:21007"]


def test_supervisord_reads_back_what_was_rendered_percent_signs_included(tmp_path):
    program = {"name": "kafka", "command": shlex.join(["java", "-Dpercent=100%", "a b"])}
    parser = configparser.ConfigParser()
    parser.read_string(render_supervisord(tmp_path, tmp_path / "s.sock", [program], is_root=False))
    assert shlex.split(parser["program:kafka"]["command"]) == ["java", "-Dpercent=100%", "a b"]
    assert parser["program:kafka"]["autostart"] == "false"
    assert "user" not in parser["supervisord"]


def test_a_part_that_runs_elsewhere_has_no_program(tmp_path, settings):
    elsewhere = plan_environment(tmp_path, {"SMA_DAGSTER_URL": "http://dagster.example"}, None)
    names = set(programs_of(settings, elsewhere))
    flink = {"flink-jobmanager", "flink-taskmanager"}
    assert names == {"kafka", "postgres", "exporter", "prometheus", "alertmanager", "overview"} | flink


def test_the_socket_stays_in_the_state_folder_while_its_path_is_short_enough(tmp_path):
    long = tmp_path / ("x" * 100)
    assert socket_path(CHECKOUT / ".local").parent == CHECKOUT / ".local" or len(str(CHECKOUT)) > 70
    assert len(bytes(socket_path(long))) <= 90
    assert socket_path(long) != socket_path(long / "y")


def splunk(tmp_path, **changed) -> Settings:
    return Settings(state_dir=tmp_path, splunk_url="https://splunk:8088", splunk_token=TOKEN, **changed)


def test_kafka_and_flink_log_json_events_of_their_service_and_ship_nothing_unless_told(settings, environment):
    files = config_files(settings, environment)
    for part, name in (("kafka", "log4j2.properties"), ("flink", "log4j-console.properties")):
        texts = {path.name: text for path, text in files[part].items()}
        assert "rootLogger.appenderRef.json.ref=json" in texts[name]
        assert f"{environment.state_dir}/logs/json/${{service}}.jsonl" in texts[name]
        assert "console" in texts[name]  # as before
        assert "Http" not in texts[name]
        assert json.loads(texts["log4j-event.json"])["service"] == "${service}"
    for program in program_options(settings, environment, files, {}):
        assert f'SMA_SERVICE="{program["name"]}"' in program["environment"]


def test_with_splunk_their_errors_go_to_the_collector_from_a_buffer_that_nobody_waits_for(tmp_path, environment):
    files = config_files(splunk(tmp_path, splunk_level="ERROR", splunk_index="sma"), environment)
    for part, name in (("kafka", "log4j2.properties"), ("flink", "log4j-console.properties")):
        texts = {path.name: text for path, text in files[part].items()}
        lines = set(texts[name].splitlines())
        assert lines >= {
            "appender.http.url=https://splunk:8088/services/collector/event",
            "appender.splunk.blocking=false",
            "appender.splunk.bufferSize=1000",
            "rootLogger.appenderRef.splunk.level=ERROR",
        }
        envelope = json.loads(texts["log4j-envelope.json"])
        assert envelope["index"] == "sma"
        assert envelope["event"] == json.loads(texts["log4j-event.json"])


def test_the_collectors_token_stands_in_no_file_of_the_stack(tmp_path, environment):
    environ = {"SMA_SPLUNK_URL": "https://splunk:8088", "SMA_SPLUNK_TOKEN": TOKEN}
    programs = programs_of(splunk(tmp_path), environment, **environ).values()
    planned = plan_environment(tmp_path, environ, None)
    written = [text for part in config_files(splunk(tmp_path), environment).values() for text in part.values()]
    written.append(render_supervisord(tmp_path, tmp_path / "s.sock", programs, is_root=False))
    assert TOKEN not in "".join([*written, *planned.values.values()])
    assert "SMA_SPLUNK_URL" in written[-1]


def test_another_level_of_shipping_restarts_kafka_and_flink_alone(tmp_path, environment):
    before, after = (programs_of(splunk(tmp_path, splunk_level=level), environment) for level in ("ERROR", "WARNING"))
    assert {name for name in before if before[name] != after[name]} == {
        "kafka",
        "flink-jobmanager",
        "flink-taskmanager",
    }


def test_a_ca_of_ones_own_is_put_where_java_finds_it(tmp_path, environment):
    certificate = tmp_path / "ca.pem"
    bundle = Path(where()).read_text()
    certificate.write_text(
        bundle[bundle.index("-----BEGIN") : bundle.index("-----END")] + "-----END CERTIFICATE-----\n"
    )
    settings = splunk(tmp_path, splunk_ca_file=str(certificate))
    (tmp_path / "logs").mkdir()
    trust_store(environment).write_text("of an earlier start")
    write_trust_store(settings, environment)
    assert trust_store(environment).stat().st_size > 0
    (text,) = [
        text for path, text in config_files(settings, environment)["kafka"].items() if path.name == "log4j2.properties"
    ]
    assert f"appender.http.ssl.trustStore.location={trust_store(environment)}" in text


def test_a_ca_file_that_holds_no_certificate_is_one_line(tmp_path, environment):
    (tmp_path / "ca.pem").write_text("nothing")
    (tmp_path / "logs").mkdir()
    with pytest.raises(SmaError, match="SMA_SPLUNK_CA_FILE: .*ca.pem: "):
        write_trust_store(splunk(tmp_path, splunk_ca_file=str(tmp_path / "ca.pem")), environment)
