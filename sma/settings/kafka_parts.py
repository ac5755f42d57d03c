"""Names who speaks to Kafka, each perhaps under a principal of its own."""

from typing import Literal, get_args

KafkaPart = Literal["admin", "producer", "stream", "batch", "monitoring", "subscriber", "heartbeats"]
"""`sma up`; `sma produce`; the Flink job and `sma stream`; the batch layer; the exporter and `sma status`; `sma tail`;
the service that writes heartbeats."""

KAFKA_PARTS: tuple[KafkaPart, ...] = get_args(KafkaPart)

SECRET_CREDENTIALS = ("password", "key_password", "oauth_client_secret")
CREDENTIALS = ("username", "cert_file", "key_file", "oauth_client_id", *SECRET_CREDENTIALS)
"""What a principal is made of: each is a setting `kafka_<name>`, and `kafka_<part>_<name>` that of one part."""
