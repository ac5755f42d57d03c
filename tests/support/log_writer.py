"""Writes into a JSON log file as one of several processes; imports little, since each process does."""

import logging
from pathlib import Path

from monitoring.logs.handlers import JsonFile


def write(path: Path, number: int) -> None:
    handler = JsonFile(path, "batch")
    handler.maxBytes, handler.backupCount = 20_000, 50
    logger = logging.Logger("test")
    logger.addHandler(handler)
    for each in range(100):
        logger.warning("%d.%d %s", number, each, "x" * 200)
