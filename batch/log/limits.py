"""The limits of reading the log and of computing: what is in memory at once, and how long Kafka is waited for."""

from dataclasses import dataclass

from clients.answers import ANSWER_TIMEOUT_S


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """Limits of one reading of a range.

    fetch_bytes: what Kafka sends at most at once, except for a single larger record batch.
    chunk_bytes: of decompressed records in one chunk, except for a single larger batch; a multiple of 8.
    chunk_records: likewise.
    client_chunk_records: the same for the client reader, whose records are Python objects.
    whole_batch_bytes: of a batch that is decompressed whole; in a larger one, what is too long to be read is left out.
    batch_bytes: of one decompressed batch, less what is left out; a larger one is refused.
    retry_seconds: how long a failed fetch is tried again.
    first_pause_seconds: before the first try; each pause is twice the one before it.
    silence_seconds: how long to wait for the end of a range that is not there yet.
    response_seconds: how long to wait for one response.
    """

    fetch_bytes: int = 2 * 2**20
    chunk_bytes: int = 4 * 2**20
    chunk_records: int = 100_000
    client_chunk_records: int = 20_000
    whole_batch_bytes: int = 64 * 2**20
    batch_bytes: int = 2**30
    retry_seconds: float = 30.0
    first_pause_seconds: float = 0.1
    silence_seconds: float = 60.0
    response_seconds: float = ANSWER_TIMEOUT_S


@dataclass(frozen=True, slots=True)
class WorkLimits:
    """Limits of one computation over the log; tasks that are sent to other processes have them too.

    chunk_events: events that are read at once, of all partitions together, assumed to be even within a day.
    chunk_rows: rows that are computed at once, likewise.
    bridged_offsets: Kafka offsets between two blocks up to which reading them costs less than another request to Kafka.
    process_offsets: Kafka offsets up to which one process reads them in the second that another takes to start.
    """

    chunk_events: int = 1_000_000
    chunk_rows: int = 1_000_000
    bridged_offsets: int = 20_000
    process_offsets: int = 3_000_000


LIMITS = ReadLimits()
WORK_LIMITS = WorkLimits()
