"""Everything Dagster loads. Assets, checks and resources are made in the other modules."""

import dagster as dg

from orchestration.assets import batch_averages, reconciliations
from orchestration.graph import events as events_topic
from orchestration.graph import late_events, moving_averages, rejected_events, streaming_averages
from orchestration.resources import Project

definitions = dg.Definitions(
    assets=[
        events_topic,
        streaming_averages,
        late_events,
        rejected_events,
        batch_averages,
        reconciliations,
        moving_averages,
    ],
    resources={"project": Project()},
    # the two steps of a run follow one another, so a process for each would only cost its start
    executor=dg.in_process_executor,
)
