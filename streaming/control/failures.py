"""Explains the failures of a job: the cause in one line, and the way out where it is known.

The texts are those of Kafka's Java clients 4.2 and of Flink's connector 5.0, as Flink's REST API repeats them.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from clients.flink import FlinkRest, root_cause
from clients.kafka.security import principal
from sma.settings import StreamingSettings


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job failed; `way_out` is what to do about it, where that is known."""

    cause: str
    way_out: str | None

    def __str__(self) -> str:
        """Return both, each after a colon."""
        return f": {self.cause}" + (f": {self.way_out}" if self.way_out else "")


def last_failure(settings: StreamingSettings, rest: FlinkRest, job_id: str) -> Failure | None:
    """Return the latest failure of a job; None where it has not failed."""
    trace = rest.last_stack_trace(job_id)
    return explain_failure(settings, trace) if trace is not None else None


def explain_failure(settings: StreamingSettings, trace: str) -> Failure:
    """Return what a Java stack trace of the job says, for the job of these settings."""
    cause = root_cause(trace)
    ways = (way(settings, trace) for name, way in _WAYS_OUT.items() if re.search(rf"\b{name}\b", trace))
    return Failure(cause, _memory(cause) or next((way for way in ways if way), None))


def _memory(cause: str) -> str | None:
    if not cause.startswith("OutOfMemoryError"):
        return None
    return (
        "a TaskManager has too little memory, for its state or for one record: one of kilobytes may be of hundreds "
        "of megabytes when it is decompressed, and has to fit into the heap to be rejected. Raise "
        "SMA_TASKMANAGER_MEMORY, run `sma up`, then `sma stream start`: docs/runbooks/JobRestarting.md"
    )


def not_allowed(settings: StreamingSettings, operations: list[str], resource: str, more: str = "") -> str:
    """Return a line that says what the job's principal may not do with a resource, and how that is allowed.

    Args:
        settings: as whom the job connects.
        operations: by their names in Kafka.
        resource: as an option of `kafka-acls` without its dashes: `topic events`.
        more: further options.
    """
    who = principal(settings.kafka_as("stream"))
    options = " ".join(f"--operation {operation}" for operation in operations)
    allow = f": `kafka-acls --add --allow-principal {who} {options} --{resource}{more}` allows it"
    return f"{who} may not {' and '.join(operations)} on {resource}{allow if who.startswith('User:') else ''}"


def _topic(settings: StreamingSettings, trace: str) -> str:
    # the latter of an admin client and of the open transactions of a sink, each with the topic in words of its own
    found = re.search(r"topics:? \[([^\]]+)\]|failure on topic `([^`]+)`", trace)
    topic = (found[1] or found[2]) if found else settings.events_topic
    if topic == settings.events_topic or "Failed to describe active producers" in trace:
        operations = ["Read"]
    elif "Failed to get open transactions" in trace:
        operations = ["Read", "Write"]
    else:
        operations = ["Write"]
    return not_allowed(settings, operations, f"topic {topic}")


def _group(settings: StreamingSettings, trace: str) -> str:
    return not_allowed(settings, ["Read"], f"group {settings.consumer_group}")


def _transactional_id(settings: StreamingSettings, trace: str) -> str:
    prefix = f"{settings.topic_prefix}{settings.job_name}"
    return not_allowed(settings, ["Write"], f"transactional-id {prefix}", " --resource-pattern-type prefixed")


def _cluster(settings: StreamingSettings, trace: str) -> str:
    return not_allowed(settings, ["IdempotentWrite"], "cluster")


def _login(settings: StreamingSettings, trace: str) -> str:
    stream = settings.kafka_as("stream")
    if stream.kafka_sasl_mechanism == "OAUTHBEARER":
        return (
            f"Kafka at {stream.kafka_bootstrap} does not accept the token of {principal(stream)}: it has expired, or "
            "is of another issuer, audience or scope (SMA_KAFKA_OAUTH_TOKEN_URL, SMA_KAFKA_OAUTH_SCOPE)"
        )
    return (
        f"Kafka at {stream.kafka_bootstrap} does not accept the login of {principal(stream)}: check "
        "SMA_KAFKA_USERNAME and SMA_KAFKA_PASSWORD, or SMA_KAFKA_STREAM_... where the job has its own"
    )


def _token(settings: StreamingSettings, trace: str) -> str:
    stream = settings.kafka_as("stream")
    return (
        f"{principal(stream)} gets no token from {stream.kafka_oauth_token_url}: check SMA_KAFKA_OAUTH_TOKEN_URL, "
        "_CLIENT_ID and _CLIENT_SECRET, and that Flink's machines reach it"
    )


def _token_url(settings: StreamingSettings, trace: str) -> str | None:
    if "allowed.urls" not in trace:
        return None
    return (
        "Flink's JVMs need -Dorg.apache.kafka.sasl.oauthbearer.allowed.urls="
        f"{settings.kafka_oauth_token_url} in env.java.opts.all, which `sma up` sets for the local Flink"
    )


def _tls(settings: StreamingSettings, trace: str) -> str:
    stream = settings.kafka_as("stream")
    if "unable to find valid certification path" in trace:
        signed_by = stream.kafka_ca_file or "the system's certificates, since SMA_KAFKA_CA_FILE is unset"
        return f"the certificate of Kafka at {stream.kafka_bootstrap} is not signed by {signed_by}"
    if re.search(r"No subject alternative|No name matching", trace):
        return f"the certificate of Kafka is for other names than those in {stream.kafka_bootstrap}, or advertised"
    if "Received fatal alert" in trace:
        shown = f"{stream.kafka_cert_file}" if stream.kafka_cert_file else "none, since SMA_KAFKA_CERT_FILE is unset"
        return f"Kafka at {stream.kafka_bootstrap} does not accept the certificate that the job shows ({shown})"
    return f"no TLS with Kafka at {stream.kafka_bootstrap}: check SMA_KAFKA_SECURITY_PROTOCOL and the certificates"


def _no_answer(settings: StreamingSettings, trace: str) -> str | None:
    if "org.apache.kafka.common.errors.TimeoutException" not in trace:
        return None
    return (
        f"Kafka at {settings.kafka_bootstrap} does not answer Flink by {settings.kafka_security_protocol}: check that "
        "it runs, that Flink's machines reach it and the addresses it advertises, and SMA_KAFKA_SECURITY_PROTOCOL"
    )


_WAYS_OUT: dict[str, Callable[[StreamingSettings, str], str | None]] = {
    "TopicAuthorizationException": _topic,
    "GroupAuthorizationException": _group,
    "TransactionalIdAuthorizationException": _transactional_id,
    "ClusterAuthorizationException": _cluster,
    "SaslAuthenticationException": _login,
    "SslAuthenticationException": _tls,
    "ConfigException": _token_url,
    "LoginException": _token,
    "TimeoutException": _no_answer,
}
"""By the exception's name, the most telling first: one of the first may be the cause of one of the last."""
