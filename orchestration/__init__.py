"""Defines what Dagster's UI shows and starts. What can be tested without Dagster belongs to other packages."""

import warnings

import dagster as dg

# A backfill policy keeps a backfill of a year one run. Dagster calls the parameter beta; its version is locked here.
warnings.filterwarnings("ignore", message="Parameter `backfill_policy`", category=dg.BetaWarning)
# ... and a check's partitions a preview. Only `day_checks` depends on it.
warnings.filterwarnings(
    "ignore", message="Specifying a partitions_def on an AssetCheckSpec", category=dg.PreviewWarning
)
