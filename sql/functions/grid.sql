-- The grid of an average: `offset_ms` since the Unix epoch, and every `every_ms` before it and after it. sma/grid.py and the
-- operator's Grid.java implement the same rule; tests/vectors/windows.json checks all three.

-- the first grid point after a time: of a window of any length, the first one that can hold an event of that time
CREATE OR REPLACE FUNCTION sma.grid_point_after(time_ms bigint, every_ms bigint, offset_ms bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN sma.floor_div(time_ms - offset_ms, every_ms) * every_ms + offset_ms + every_ms;

-- the last grid point whose window holds an event of that time; `window_ms` is `every_ms` for a window of the last N events,
-- since an event makes one row there
CREATE OR REPLACE FUNCTION sma.last_grid_point(time_ms bigint, every_ms bigint, offset_ms bigint, window_ms bigint)
RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN sma.floor_div(time_ms - offset_ms, every_ms) * every_ms + offset_ms + window_ms;
