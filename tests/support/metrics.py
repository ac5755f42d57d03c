"""What the exporter's metrics say, by the labels of their samples."""

from functools import partial

from tenacity import Retrying, stop_after_delay, wait_fixed

eventually = partial(Retrying, stop=stop_after_delay(60), wait=wait_fixed(0.5), reraise=True)


class Clock:
    """A clock that a test moves on."""

    def __init__(self):
        self.now = 1_000.0

    def __call__(self):
        return self.now


def samples(metrics):
    """Return the value of each sample, by (name, label values)."""
    return {(s.name, *s.labels.values()): s.value for metric in metrics for s in metric.samples}


def of_partitions(metrics, name):
    """Return the values of one metric, by partition."""
    return [value for (found, *_), value in sorted(samples(metrics).items()) if found == name]
