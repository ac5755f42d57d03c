"""Says what was found of a topic that is there, and what that means; refuses only what makes answers wrong.

Nothing is changed: whose topic it is may be another's. How a topic should be is in `deploy.topics`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from clients.kafka.topics import FoundTopic
from sma.durations import HOUR_MS, format_duration
from sma.settings import KafkaSettings

APPEND_TIME = "LogAppendTime"
NO_LIMIT = 2**63 - 1
_USUAL_BATCH_BYTES = 1_048_588  # Kafka's default
_LARGEST_WRITTEN_BYTES = 16_384  # a batch of a Java producer; a rejected event has the first 4,096 bytes of its record


@dataclass(frozen=True, slots=True)
class TopicReport:
    """A topic as it is: `remarks` are what its owner should know, `fault` is why it cannot be used.

    Sizes and times are Kafka's, -1 for no limit; those that Kafka does not show are None. `topic_id` is empty where
    Kafka knows none.
    """

    name: str
    topic_id: str
    partitions: int
    replication_factor: int
    min_insync_replicas: int | None
    timestamp_type: str | None
    cleanup_policy: str | None
    retention_ms: int | None
    retention_bytes: int | None
    max_message_bytes: int | None
    remarks: tuple[str, ...] = ()
    fault: str | None = None

    @property
    def line(self) -> str:
        """What was found, and what it means, in one line."""
        found = [f"{self.partitions} partition{'s' if self.partitions != 1 else ''}", self._replicas()]
        if self.timestamp_type is not None:
            clock = "Kafka's clock" if self.timestamp_type == APPEND_TIME else "producers' clocks"
            found += [f"times by {clock}", self._kept()]
        if self.max_message_bytes not in (None, _USUAL_BATCH_BYTES):
            found.append(f"batches up to {self.max_message_bytes:,} bytes")
        return f"{', '.join(found)}{''.join(f'; {remark}' for remark in self.remarks)}"

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        return asdict(self)

    def _replicas(self) -> str:
        if self.replication_factor == 1:
            return "1 replica (lost with its broker)"
        replicas = f"{self.replication_factor} replicas"
        if self.min_insync_replicas is None:
            return replicas
        meaning = " (an acknowledged record may be lost with one broker)" if self.min_insync_replicas == 1 else ""
        return f"{replicas} of which {self.min_insync_replicas} must have a record{meaning}"

    def _kept(self) -> str:
        limits = []
        if self.retention_ms is not None and self.retention_ms >= 0:
            since = "from arrival" if self.timestamp_type == APPEND_TIME else "from the records' times"
            limits.append(f"{format_duration(self.retention_ms)} {since}" if self.retention_ms else "nothing")
        if self.retention_bytes is not None and self.retention_bytes >= 0:
            limits.append(f"at most {self.retention_bytes:,} bytes a partition")
        policy = self.cleanup_policy or ""
        kept = ["the newest record of each key"] if "compact" in policy else []
        if "delete" in policy:
            kept += limits
        return f"keeps {' and '.join(kept) or 'all records'}"


def report_topic(settings: KafkaSettings, found: FoundTopic) -> TopicReport:
    """Return what is to be said of a topic that is there.

    Args:
        settings: the topics' names, and what is wanted of topics that are created.
        found: the topic, one of the four.
    """
    config = found.config
    if config is None:
        remark = (
            "Kafka does not allow to read how it is set up (DescribeConfigs on the topic), so whether it keeps its "
            "records is not known"
        )
        return TopicReport(
            found.name, found.topic_id, found.partitions, found.replication_factor, *(None,) * 6, remarks=(remark,)
        )
    report = TopicReport(
        name=found.name,
        topic_id=found.topic_id,
        partitions=found.partitions,
        replication_factor=found.replication_factor,
        min_insync_replicas=_number(config, "min.insync.replicas", 1),
        timestamp_type=config.get("message.timestamp.type", "CreateTime"),
        cleanup_policy=config.get("cleanup.policy", "delete"),
        retention_ms=_number(config, "retention.ms", -1),
        retention_bytes=_number(config, "retention.bytes", -1),
        max_message_bytes=_number(config, "max.message.bytes", NO_LIMIT),
    )
    fault = _fault(settings, report)
    remarks = (
        *_remarks_on_time(settings, report, config),
        *_remarks_on_what_is_kept(settings, report),
        *_remarks_on_replicas(report, config),
        *_remarks_on_sizes(settings, report),
        *_remarks_on_settings(settings, report),
    )
    return TopicReport(**{**asdict(report), "fault": fault, "remarks": remarks})


def _fault(settings: KafkaSettings, topic: TopicReport) -> str | None:
    """Return what makes answers wrong, and how to fix it; None if nothing does."""
    if topic.name == settings.moving_averages_topic or "compact" not in (topic.cleanup_policy or ""):
        return None
    lost = "events of a series would be lost" if topic.name == settings.events_topic else "events in it would be lost"
    return f"cleanup.policy is {topic.cleanup_policy}: {lost}; set cleanup.policy=delete on it"


def _remarks_on_time(settings: KafkaSettings, topic: TopicReport, config: Mapping[str, str]) -> Iterator[str]:
    if topic.timestamp_type == APPEND_TIME:
        return
    if topic.name == settings.events_topic:
        drops = bool(topic.retention_ms and topic.retention_ms > 0) and "delete" in (topic.cleanup_policy or "")
        kept = f", and a record is deleted {_in_words(topic.retention_ms or 0)} after that time" if drops else ""
        yield (
            "producers' clocks set the times of its records (CreateTime): max_ahead finds a clock that is ahead only "
            f"if the event's is another{kept}; message.timestamp.type={APPEND_TIME} changes that"
        )
    either = _number(config, "message.timestamp.difference.max.ms", NO_LIMIT)  # the one limit of Kafka before 3.6
    before, after = (_number(config, f"message.timestamp.{side}.max.ms", either) for side in ("before", "after"))
    if before < (NO_LIMIT if topic.name == settings.events_topic else HOUR_MS):
        yield f"Kafka refuses a record whose time is more than {_in_words(before)} before its clock"
    if after < HOUR_MS:
        yield f"Kafka refuses a record whose time is more than {_in_words(after)} after its clock"


def _remarks_on_what_is_kept(settings: KafkaSettings, topic: TopicReport) -> Iterator[str]:
    limits = (topic.retention_ms, topic.retention_bytes)
    if topic.name == settings.events_topic or "delete" not in (topic.cleanup_policy or "") or limits == (-1, -1):
        return
    if topic.name == settings.moving_averages_topic:
        yield "a subscriber who reads it from the beginning finds only the newest rows"
    else:
        yield "what it no longer keeps counts as unaccounted for; set retention.ms=-1 and retention.bytes=-1 on it"


def _remarks_on_replicas(topic: TopicReport, config: Mapping[str, str]) -> Iterator[str]:
    if topic.min_insync_replicas and topic.min_insync_replicas > topic.replication_factor > 0:
        yield (
            f"min.insync.replicas is {topic.min_insync_replicas} and each record has {topic.replication_factor} "
            "replicas, so Kafka refuses all that are to be acknowledged by every replica, as the records of this system"
        )
    if topic.replication_factor > 1 and config.get("unclean.leader.election.enable") == "true":
        yield (
            "a replica that lacks records may become leader (unclean.leader.election.enable): records that were read "
            "may then be replaced by others; set it to false"
        )


def _remarks_on_sizes(settings: KafkaSettings, topic: TopicReport) -> Iterator[str]:
    if topic.name != settings.events_topic and (topic.max_message_bytes or 0) < _LARGEST_WRITTEN_BYTES:
        yield (
            f"the stream fails if it has to write a record of more than {topic.max_message_bytes:,} bytes; set "
            f"max.message.bytes={_LARGEST_WRITTEN_BYTES} on it or more"
        )


def _remarks_on_settings(settings: KafkaSettings, topic: TopicReport) -> Iterator[str]:
    """Say where a setting asks for something else: it is for topics that are created."""
    asked: list[tuple[str, object, object]] = []
    if settings.replication_factor > 0:
        asked.append(("REPLICATION_FACTOR", settings.replication_factor, topic.replication_factor))
    if settings.min_insync_replicas > 0:
        asked.append(("MIN_INSYNC_REPLICAS", settings.min_insync_replicas, topic.min_insync_replicas))
    if topic.name == settings.events_topic and settings.retention:
        asked.append(("RETENTION", _in_words(settings.retention_ms), _in_words(topic.retention_ms or 0)))
    if topic.name == settings.events_topic and settings.retention_bytes >= 0:
        asked.append(("RETENTION_BYTES", settings.retention_bytes, topic.retention_bytes))
    for name, wanted, there in asked:
        if wanted != there:
            yield f"SMA_{name} is {wanted} and the topic has {there}: the setting is for topics that `sma up` creates"


def _in_words(duration_ms: int) -> str:
    return format_duration(duration_ms) if duration_ms > 0 else "no limit" if duration_ms < 0 else "0"


def _number(config: Mapping[str, str], key: str, otherwise: int) -> int:
    return int(config.get(key, otherwise))
