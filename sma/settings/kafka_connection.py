"""Reads how Kafka is connected to: its address, TLS, SASL, and as whom each part speaks to it.

`clients.kafka.security` renders this for librdkafka, for Java and for sockets.
"""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, SecretStr

from sma.settings.kafka_parts import KAFKA_PARTS, SECRET_CREDENTIALS, KafkaPart
from sma.settings.part import Part


class KafkaConnection(Part):
    """Where Kafka is, and as whom it is connected to."""

    kafka_bootstrap: str = Field("127.0.0.1:19000", description="Kafka's bootstrap servers")
    kafka_brokers: int = Field(
        1, ge=1, description="how many brokers Kafka has: `sma status` reports fewer; the local stack runs 1 or 3"
    )
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="whether connections are encrypted (`SSL`, `SASL_SSL`), and whether clients log in"
    )
    kafka_sasl_mechanism: Literal["", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "AWS_MSK_IAM"] = Field(
        "", description="how clients log in, with `SASL_PLAINTEXT` and `SASL_SSL`"
    )
    kafka_username: str = Field("", description="user of `PLAIN` and `SCRAM-SHA-...`")
    kafka_password: SecretStr = Field(SecretStr(""), description="... its password")
    kafka_ca_file: Path | None = Field(
        None, description="certificates (PEM) that sign those of Kafka's servers; unset for those of the system"
    )
    kafka_cert_file: Path | None = Field(None, description="certificate (PEM) that the client shows, with its chain")
    kafka_key_file: Path | None = Field(None, description="... its private key (PEM, PKCS#8)")
    kafka_key_password: SecretStr = Field(SecretStr(""), description="... the password of that key, if it has one")
    kafka_oauth_token_url: str = Field("", description="where `OAUTHBEARER` gets its tokens, by client credentials")
    kafka_oauth_client_id: str = Field("", description="... for which client")
    kafka_oauth_client_secret: SecretStr = Field(SecretStr(""), description="... the secret of that client")
    kafka_oauth_scope: str = Field("", description="... with which scope")
    kafka_oauth_ca_file: Path | None = Field(
        None, description="... certificates (PEM) that sign that of its server; unset for those of the system"
    )
    kafka_aws_region: str = Field(
        "", description="region of `AWS_MSK_IAM`; its credentials are found as AWS's tools do"
    )
    kafka_rack: str = Field("", description="rack or zone of the clients, so that they read from replicas near them")
    kafka_client: dict[str, str] = Field(
        {},
        repr=False,  # one of them may be a password
        description="`SMA_KAFKA_CLIENT_<KEY>` sets the option `<key>` (`_` for `.`) of every Kafka client, such as "
        "`SMA_KAFKA_CLIENT_SOCKET_TIMEOUT_MS`",
    )
    kafka_principals: dict[str, dict[str, SecretStr]] = Field(
        {},
        description="as whom a part connects where that is not as all others: `SMA_KAFKA_<PART>_USERNAME`, "
        "`_PASSWORD`, `_CERT_FILE`, `_KEY_FILE`, `_KEY_PASSWORD`, `_OAUTH_CLIENT_ID`, `_OAUTH_CLIENT_SECRET`, with "
        "`<PART>` one of " + ", ".join(f"`{part.upper()}`" for part in KAFKA_PARTS),
    )

    def kafka_as(self, part: KafkaPart) -> Self:
        """Return these settings with the principal of a part, where it has one of its own.

        It stays that principal, whichever part is named later: who is called does what its caller may do.
        """
        own: dict[str, Any] = {}
        for name, value in self.kafka_principals.get(part, {}).items():
            text = value.get_secret_value()
            own[f"kafka_{name}"] = value if name in SECRET_CREDENTIALS else Path(text) if "_file" in name else text
        return self.model_copy(update=own | {"kafka_principals": {}})
