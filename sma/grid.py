"""Computes the grid of an average: every multiple of `every_ms` since the Unix epoch, before it as after it.

```
-10      -5       0        5        10       every 5 ms
 |        |    t  |        |        |
                after(t) = 0;  after(0) = 5;  at_or_before(0) = 0
```

Times are in milliseconds since the epoch. Grid.java in the operator and sql/functions/grid.sql are the same rule;
batch/windows/kernels.py repeats it, since numba compiles one module at a time. tests/vectors/windows.json
checks all of them.
"""


def grid_point_at_or_before(time_ms: int, every_ms: int) -> int:
    """Return the last grid point that is not after a time."""
    return time_ms // every_ms * every_ms


def grid_point_after(time_ms: int, every_ms: int) -> int:
    """Return the first grid point after a time: the first one whose window can hold an event of that time."""
    return grid_point_at_or_before(time_ms, every_ms) + every_ms
