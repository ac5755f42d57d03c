"""Failures of the job, in words that Kafka's clients 4.2 used in Flink: each has a cause and a way out of one line."""

from pathlib import Path

import pytest

from clients.flink import FlinkRest
from sma.errors import SmaError
from sma.settings import Settings
from streaming.control.failures import explain_failure
from streaming.control.lifecycle import required_job
from tests.support.fake_flink import Flink, job

ERRORS = "org.apache.kafka.common.errors"
SCRAM = Settings(
    kafka_bootstrap="kafka:9",
    kafka_security_protocol="SASL_SSL",
    kafka_sasl_mechanism="SCRAM-SHA-512",
    kafka_username="all",
    kafka_principals={"stream": {"username": "stream"}},
    kafka_ca_file=Path("/ca.pem"),
    topic_prefix="p.",
    job_name="j",
)
OAUTH = SCRAM.model_copy(
    update={
        "kafka_sasl_mechanism": "OAUTHBEARER",
        "kafka_oauth_client_id": "job",
        "kafka_oauth_token_url": "https://login/token",
        "kafka_principals": {},
    }
)


def trace(*causes: str) -> str:
    """Return a stack trace as Flink repeats it, the outermost first."""
    return "\nCaused by: ".join(f"{cause}\n\tat a.B.c(B.java:1)" for cause in causes)


def metadata_of(topic: str, cause: str) -> str:
    """Return what the source or a sink says where an admin client learns nothing of a topic."""
    return trace(
        f"java.lang.RuntimeException: Failed to get metadata for topics [{topic}].",
        f"java.util.concurrent.ExecutionException: {ERRORS}.{cause}",
        f"{ERRORS}.{cause}",
    )


OPEN = (
    "java.lang.RuntimeException: Failed to get open transactions for topics [{}]. Make sure that the Kafka broker ..."
)
DENIED = "TopicAuthorizationException: Topic authorization failed."
PRODUCERS = (
    "TopicAuthorizationException: Failed to describe active producers for partition p.late_events-3 due to "
    "authorization failure on topic `p.late_events`"
)


@pytest.mark.parametrize(
    ("failed", "way_out"),
    [
        (
            metadata_of("p.events", DENIED),
            "User:stream may not Read on topic p.events: "
            "`kafka-acls --add --allow-principal User:stream --operation Read --topic p.events` allows it",
        ),
        (
            trace(f"{ERRORS}.TopicAuthorizationException: Not authorized to access topics: [p.events]"),
            "User:stream may not Read on topic p.events: ",
        ),
        (
            trace(OPEN.format("p.late_events"), metadata_of("p.late_events", DENIED)),
            "User:stream may not Read and Write on topic p.late_events: `kafka-acls --add --allow-principal User:stream"
            " --operation Read --operation Write --topic p.late_events` allows it",
        ),
        (
            trace(OPEN.format("p.late_events"), f"{ERRORS}.{PRODUCERS}"),
            "User:stream may not Read on topic p.late_events: ",
        ),
        (
            trace(f"{ERRORS}.TopicAuthorizationException: Not authorized to access topics: [p.late_events]"),
            "User:stream may not Write on topic p.late_events: ",
        ),
        (
            trace(f"{ERRORS}.TransactionalIdAuthorizationException: Transactional Id authorization failed."),
            "User:stream may not Write on transactional-id p.j: `kafka-acls --add --allow-principal User:stream "
            "--operation Write --transactional-id p.j --resource-pattern-type prefixed` allows it",
        ),
        (
            trace(f"{ERRORS}.GroupAuthorizationException: Not authorized to access group: p.streaming"),
            "User:stream may not Read on group p.streaming: ",
        ),
        (
            trace(f"{ERRORS}.ClusterAuthorizationException: Cluster authorization failed."),
            "User:stream may not IdempotentWrite on cluster: ",
        ),
    ],
)
def test_a_right_that_is_missing_is_named_with_operation_resource_and_principal(failed: str, way_out: str) -> None:
    found = explain_failure(SCRAM, failed).way_out
    assert found is not None
    assert found.startswith(way_out)
    assert "\n" not in found


@pytest.mark.parametrize(
    ("settings", "failed", "way_out"),
    [
        (
            SCRAM,
            metadata_of(
                "p.events",
                "SaslAuthenticationException: Authentication failed during authentication due to invalid credentials "
                "with SASL mechanism SCRAM-SHA-512",
            ),
            "Kafka at kafka:9 does not accept the login of User:stream: check SMA_KAFKA_USERNAME and",
        ),
        (
            OAUTH,
            metadata_of("p.events", 'SaslAuthenticationException: {"status":"invalid_token"}'),
            "Kafka at kafka:9 does not accept the token of User:job: it has expired, or is of another issuer",
        ),
        (
            OAUTH,
            trace(
                "org.apache.kafka.common.KafkaException: Failed to create new NetworkClient",
                "javax.security.auth.login.LoginException: org.apache.kafka.common.KafkaException: ...",
                'java.io.IOException: The response code 401 and error response {"invalid_client" - } was encountered '
                "reading the token endpoint response; will not attempt further retries",
            ),
            "User:job gets no token from https://login/token: check SMA_KAFKA_OAUTH_TOKEN_URL,",
        ),
        (
            OAUTH,
            trace(
                "org.apache.kafka.common.config.ConfigException: Invalid value https://login/token for configuration "
                "sasl.oauthbearer.token.endpoint.url: The URL cannot be accessed due to restrictions. Update the "
                "system property 'org.apache.kafka.sasl.oauthbearer.allowed.urls' to allow the URL to be accessed."
            ),
            "Flink's JVMs need -Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=https://login/token in env.java.opts",
        ),
        (
            SCRAM,
            trace(
                metadata_of("p.events", "SslAuthenticationException: SSL handshake failed"),
                "sun.security.provider.certpath.SunCertPathBuilderException: unable to find valid certification path "
                "to requested target",
            ),
            "the certificate of Kafka at kafka:9 is not signed by /ca.pem",
        ),
        (
            SCRAM,
            trace(
                metadata_of("p.events", "SslAuthenticationException: Failed to process post-handshake messages"),
                "javax.net.ssl.SSLHandshakeException: Received fatal alert: bad_certificate",
            ),
            "Kafka at kafka:9 does not accept the certificate that the job shows (none, since SMA_KAFKA_CERT_FILE",
        ),
        (
            SCRAM,
            trace(
                metadata_of("p.events", "SslAuthenticationException: SSL handshake failed"),
                "java.security.cert.CertificateException: No subject alternative names matching IP address 1.2.3.4",
            ),
            "the certificate of Kafka is for other names than those in kafka:9",
        ),
        (
            SCRAM,
            metadata_of("p.events", "TimeoutException: Timed out waiting for a node assignment. Call: listNodes"),
            "Kafka at kafka:9 does not answer Flink by SASL_SSL: check that it runs",
        ),
        (
            SCRAM,
            trace(f"{ERRORS}.TimeoutException: Timeout expired after 60000ms while awaiting InitProducerId"),
            "Kafka at kafka:9 does not answer Flink by SASL_SSL: check that it runs",
        ),
    ],
)
def test_a_login_or_a_connection_that_fails_names_the_setting(settings: Settings, failed: str, way_out: str) -> None:
    found = explain_failure(settings, failed).way_out
    assert found is not None
    assert found.startswith(way_out)
    assert "\n" not in found


@pytest.mark.parametrize(
    ("failed", "named"),
    [
        ("java.lang.OutOfMemoryError: Java heap space", True),
        ("java.lang.OutOfMemoryError: Requested array size exceeds VM limit", True),
        ("java.sql.SQLTransientConnectionException: OutOfMemoryError in the database", False),
        ("java.util.concurrent.TimeoutException: Heartbeat of TaskManager timed out", False),
    ],
)
def test_a_job_without_memory_names_the_setting(failed: str, named: bool) -> None:
    found = explain_failure(SCRAM, trace(failed)).way_out
    assert ("Raise SMA_TASKMANAGER_MEMORY" in (found or "")) is named
    assert named or found is None


def test_a_job_that_restarts_for_such_a_reason_is_refused_with_the_way_out() -> None:
    flink = Flink()
    try:
        flink.has_jobs(job("RESTARTING"))
        denied = metadata_of("p.events", DENIED)
        flink.answers["/jobs/a/exceptions"] = {"exceptionHistory": {"entries": [{"stacktrace": denied}]}}
        assert FlinkRest(flink.url).last_failure("a") == "TopicAuthorizationException: Topic authorization failed."
        settings = SCRAM.model_copy(update={"flink_url": flink.url})
        with pytest.raises(
            SmaError, match=r"is RESTARTING \(Topic.* failed\.\): User:stream may not Read on topic p\.ev"
        ):
            required_job(settings)
    finally:
        flink.close()
