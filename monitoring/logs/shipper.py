"""Ships events to Splunk without anybody waiting for it: a bounded buffer, and one thread that empties it.

The caller never waits and never fails: a full buffer drops new events, and counts them by reason. An outage is waited
for, with pauses that double up to a minute; a refusal, which only people can fix, is logged once and tried again every
few minutes. An event may arrive twice, where a response was lost; its `event_id` identifies it.
"""

import os
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.util import Finalize
from typing import Protocol

from tenacity import RetryCallState, Retrying, retry_if_result, wait_random_exponential
from tenacity.wait import wait_base

from monitoring.logs.collector import RESPONSE_S, SendResult, Verdict

# Takes a line and the drops by reason, logs both, and returns the event to be shipped too, if it is to be.
Report = Callable[[str, Mapping[str, int]], bytes | None]
_STOPS = frozenset({Verdict.AGAIN, Verdict.REFUSED})


class Sender(Protocol):
    """What the thread sends with."""

    def send(self, batch: Sequence[bytes]) -> SendResult:
        """Send a batch, once."""

    def forget(self) -> None:
        """Give up the connection, which another process may be using."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is buffered and sent, and how long to wait.

    `server_failures` is how often a batch may make the server fail (500) before the batch is taken for the cause.
    """

    events: int = 10_000
    buffer_bytes: int = 16_000_000
    batch_events: int = 200
    batch_bytes: int = 500_000
    batch_age_s: float = 1.0
    response_s: float = RESPONSE_S
    first_pause_s: float = 1.0
    longest_pause_s: float = 60.0
    refused_pause_s: float = 300.0
    server_failures: int = 8
    exit_s: float = 3.0
    report_every_s: float = 60.0


@dataclass(frozen=True, slots=True)
class _Trouble:
    verdict: Verdict
    since: float


class Shipper:
    """Takes events from any thread and ships them from its own, which the first event starts."""

    def __init__(
        self,
        sender: Sender,
        report: Report,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        pause: Callable[[float], None] | None = None,
    ) -> None:
        """Begin without a thread.

        Args:
            sender: sends a batch, once.
            report: logs what became of events.
            limits: how much is held, and how long is waited.
            pause: waits so many seconds before a batch is sent again; until `close` at the longest unless given.
        """
        self._sender = sender
        self._report = report
        self._limits = limits
        self._pause = pause or self._wait_unless_closing
        self._begin()
        os.register_at_fork(after_in_child=self._begin_in_child)

    def _begin(self) -> None:
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._waiting: deque[bytes] = deque()
        self._in_flight: list[bytes] = []
        self._buffered_bytes = 0
        self._thread: threading.Thread | None = None
        self._trouble: _Trouble | None = None
        self._reported: Counter[str] = Counter()
        self._report_after = 0.0
        self.shipped = 0
        self.dropped: Counter[str] = Counter()

    def _begin_in_child(self) -> None:
        """After a fork: the parent ships what it has buffered, and its thread is not in the child."""
        self._begin()
        self._sender.forget()

    def is_own_thread(self) -> bool:
        """Return whether the caller is the thread that ships: what it logs must not be shipped."""
        return threading.current_thread() is self._thread

    def has_room(self) -> bool:
        """Return whether another event can be taken; where not, it is dropped and counted, before it is made."""
        with self._changed:
            return self._has_room(0)

    def add(self, event: bytes) -> None:
        """Take an event, or drop and count it; returns at once either way."""
        with self._changed:
            if not self._has_room(len(event)):
                return
            self._waiting.append(event)
            self._buffered_bytes += len(event)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="splunk", daemon=True)
                self._thread.start()
                Finalize(None, self.close, exitpriority=0)  # atexit does not run in processes of multiprocessing
            if len(self._waiting) == 1 or len(self._waiting) >= self._limits.batch_events:
                self._changed.notify_all()

    def _has_room(self, size: int) -> bool:
        if self._closing.is_set():
            self.dropped["at_exit"] += 1
            return False
        count = len(self._waiting) + len(self._in_flight)
        if count < self._limits.events and self._buffered_bytes + size <= self._limits.buffer_bytes:
            return True
        is_refused = self._trouble is not None and self._trouble.verdict is Verdict.REFUSED
        self.dropped["refused" if is_refused else "buffer_full"] += 1
        return False

    def close(self) -> None:
        """Ship what is buffered, for `exit_s` seconds at most; what is left is dropped and counted."""
        with self._changed:
            thread = self._thread
            self._closing.set()
            self._changed.notify_all()
        if thread is not None and thread.is_alive():
            thread.join(self._limits.exit_s)
        with self._changed:
            left = len(self._waiting) + len(self._in_flight)
            if left:
                self.dropped["at_exit"] += left
            self._waiting.clear()
            self._in_flight = []
            self._buffered_bytes = 0
        self._report_drops(is_last=True)

    def _run(self) -> None:
        while batch := self._next_batch():
            self._ship(batch)

    def _next_batch(self) -> list[bytes]:
        """Wait for a full batch, or for the age at which a smaller one is sent; empty when there will be no more."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing.is_set())
            self._changed.wait_for(
                lambda: len(self._waiting) >= self._limits.batch_events or self._closing.is_set(),
                timeout=self._limits.batch_age_s,
            )
            size = 0
            batch: list[bytes] = []
            while self._waiting and len(batch) < self._limits.batch_events:
                size += len(self._waiting[0])
                if batch and size > self._limits.batch_bytes:
                    break
                batch.append(self._waiting.popleft())
            self._in_flight = list(batch)
            return batch

    def _ship(self, batch: list[bytes]) -> None:
        """Send a batch until it is accepted; an event at fault is located, dropped and counted."""
        to_send = [batch]
        while to_send:
            events = to_send.pop()
            result = self._send(events)
            alone = len(events) == 1
            if result.verdict is Verdict.ACCEPTED:
                self._settle(events, None)
            elif result.verdict is Verdict.BAD_EVENT and (alone or result.bad_event is not None):
                place = result.bad_event or 0
                self._settle([events[place]], "invalid")
                if not alone:
                    to_send.append(events[:place] + events[place + 1 :])
            elif result.verdict is Verdict.TOO_LARGE and alone:
                self._settle(events, "too_large")
            elif result.verdict in _STOPS:
                self._settle(events, "at_exit" if self._closing.is_set() else "server_error")
            else:
                half = len(events) // 2
                to_send += [events[half:], events[:half]]
        self._report_drops()

    def _send(self, events: list[bytes]) -> SendResult:
        """Send events until the result is final, with a pause before each new try."""
        failures = 0

        def stop(state: RetryCallState) -> bool:
            nonlocal failures
            result: SendResult = state.outcome.result() if state.outcome else SendResult(Verdict.AGAIN)
            failures += result.may_be_the_batch
            self._note(result)
            return self._closing.is_set() or failures >= self._limits.server_failures

        retrying = Retrying(
            retry=retry_if_result(lambda result: result.verdict in _STOPS),
            wait=_Pause(self._limits),
            stop=stop,
            sleep=self._pause,
            retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
        )
        result: SendResult = retrying(self._sender.send, events)
        return result

    def _wait_unless_closing(self, seconds: float) -> None:
        self._closing.wait(seconds)

    def _note(self, result: SendResult) -> None:
        """Remember, and log once, what keeps events from being shipped."""
        before = self._trouble
        self._trouble = _Trouble(result.verdict, before.since if before else time.monotonic())
        if before is None or before.verdict is not result.verdict:
            is_ours = result.verdict is Verdict.REFUSED
            what = "refuses events until its token, index or address is mended" if is_ours else "does not take events"
            self._log_line(f"Splunk {what} ({result.why}); they wait in memory, as many as fit", {})

    def _settle(self, events: Sequence[bytes], drop_reason: str | None) -> None:
        """Remove events of the current batch: shipped, or dropped for a reason."""
        with self._changed:
            if not self._in_flight:
                return  # `close` has counted them
            del self._in_flight[: len(events)]
            self._buffered_bytes -= sum(len(event) for event in events)
            if drop_reason is None:
                self.shipped += len(events)
            else:
                self.dropped[drop_reason] += len(events)
        if drop_reason is None and self._trouble is not None:
            seconds, self._trouble = time.monotonic() - self._trouble.since, None
            self._log_line(f"Splunk takes events again after {seconds:.0f} s", self._unreported())

    def _report_drops(self, is_last: bool = False) -> None:
        """Log the drops that were not logged yet; from time to time, and at the end."""
        if is_last or time.monotonic() >= self._report_after:
            unreported = self._unreported()
            if unreported:
                self._log_line("events were not shipped to Splunk", unreported)

    def _unreported(self) -> dict[str, int]:
        with self._changed:
            unreported = self.dropped - self._reported
            self._reported = self.dropped.copy()
        if unreported:
            self._report_after = time.monotonic() + self._limits.report_every_s
        return dict(unreported)

    def _log_line(self, what: str, dropped: Mapping[str, int]) -> None:
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(dropped.items()))
        event = self._report(f"{what}; dropped: {reasons}" if reasons else what, dropped)
        if event is not None and not self._closing.is_set():
            self.add(event)


class _Pause(wait_base):
    """How long to wait before the next try."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._doubling = wait_random_exponential(multiplier=limits.first_pause_s, max=limits.longest_pause_s)

    def __call__(self, retry_state: RetryCallState) -> float:
        result: SendResult = retry_state.outcome.result() if retry_state.outcome else SendResult(Verdict.AGAIN)
        if result.verdict is Verdict.REFUSED:
            return self._limits.refused_pause_s
        asked_s = min(result.retry_after_s, self._limits.refused_pause_s)
        return max(asked_s, self._doubling(retry_state))
