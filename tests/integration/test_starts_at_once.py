"""`sma stream start & sma stream start`: one of them starts the job, the other finds it."""

from concurrent.futures import ThreadPoolExecutor

from clients.flink import FlinkRest
from tests.support.stored import succeed
from tests.support.stream_job import use_averages

YAML = """
watermark_delay: 1 hour
allowed_lateness: 3 hours
averages:
  - {name: hour, window: 1 hour, every: 15 minutes}
"""


def test_two_starts_at_once_leave_one_job(place, slots, tmp_path):
    use_averages(place, tmp_path / "averages.yaml", YAML)
    with ThreadPoolExecutor(2) as pool:
        started = [pool.submit(place.sma, "stream", "start") for _ in range(2)]
        said = sorted(succeed(each.result()) for each in started)
    try:
        assert ["reads the log from its beginning" in each for each in said].count(True) == 1
        assert ["runs already" in each for each in said].count(True) == 1
        jobs = FlinkRest(place.settings.flink_url).jobs(place.settings.job_name)
        assert [job.state for job in jobs] == ["RUNNING"]
    finally:
        place.sma("stream", "stop")
