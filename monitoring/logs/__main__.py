"""Runs a Python program so that what it logs are events of a service; usage: SERVICE MODULE [ARGUMENTS]."""

import runpy
import sys

from monitoring.logs.handlers import log_as

if __name__ == "__main__":
    _, service, module, *arguments = sys.argv
    log_as(service)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
