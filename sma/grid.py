"""Computes the grid of an average: `offset_ms` since the Unix epoch, and every `every_ms` before it and after it.

```
-8       -3       2        7        12       every 5 ms, offset 2 ms
 |        |    t  |        |        |
                after(t) = 2;  after(2) = 7;  at_or_before(2) = 2
```

Times are in milliseconds since the epoch. Grid.java in the operator and sql/functions/grid.sql are the same rule;
batch/windows/kernels.py repeats it without an offset, since numba compiles one module at a time.
tests/vectors/windows.json checks all of them.
"""


def grid_point_at_or_before(time_ms: int, every_ms: int, offset_ms: int = 0) -> int:
    """Return the last grid point that is not after a time."""
    return time_ms - (time_ms - offset_ms) % every_ms


def grid_point_after(time_ms: int, every_ms: int, offset_ms: int = 0) -> int:
    """Return the first grid point after a time: the first one whose window can hold an event of that time."""
    return grid_point_at_or_before(time_ms, every_ms, offset_ms) + every_ms
