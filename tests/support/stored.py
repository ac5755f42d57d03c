"""What a test's own place holds: its tables as the oracle states them, and its topics."""

import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta

import psycopg
from confluent_kafka import Consumer, TopicPartition

from clients.kafka.librdkafka import librdkafka_options

_GROUPS = {"batch": "batch", "subscriber": "tail"}  # those that the parts may use
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def stored(place, table):
    """Return {average: {(customer, metric, as_of ms): (sum in micro-units, count)}} of a table of averages."""
    answers = defaultdict(dict)
    with psycopg.connect(place.settings.database_url.get_secret_value()) as connection:
        rows = connection.execute(
            f"SELECT customer, metric, average, as_of, value_sum, event_count FROM sma.{table}"
        ).fetchall()
    for customer, metric, average, as_of, value_sum, event_count in rows:
        as_of_ms = (as_of - _EPOCH) // timedelta(milliseconds=1)
        answers[average][customer, metric, as_of_ms] = (int(value_sum.scaleb(6)), event_count)
    return dict(answers)


def records(place, topic):
    """Return the JSON objects in a topic, each partition in order, without those of transactions that failed."""
    part = "subscriber" if topic == place.settings.moving_averages_topic else "batch"
    consumer = Consumer(
        {
            **librdkafka_options(place.settings.kafka_as(part)),
            "group.id": f"{place.settings.topic_prefix}{_GROUPS[part]}",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
        }
    )
    found = []
    try:
        partitions = consumer.list_topics(topic, timeout=30).topics[topic].partitions
        places = [TopicPartition(topic, partition, 0) for partition in partitions]
        ends = {place.partition: consumer.get_watermark_offsets(place, timeout=30)[1] for place in places}
        consumer.assign(places)
        ended = set()
        while len(ended) < len(partitions):
            record = consumer.poll(30)
            assert record is not None, f"{topic} cannot be read to its end"
            if record.error():
                if record.offset() >= ends[record.partition()]:  # else a transaction is still open
                    ended.add(record.partition())
            else:
                found.append(json.loads(record.value()))
    finally:
        consumer.close()
    return found


def succeed(ran):
    """Return what a command printed; it must have ended well."""
    assert ran.returncode == 0, ran.stderr
    return ran.stdout
