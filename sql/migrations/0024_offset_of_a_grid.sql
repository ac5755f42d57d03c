-- A grid may have an offset: weeks that begin on Monday. The functions of the grid take it, in sql/functions.

ALTER TABLE sma.averages
ADD COLUMN offset_ms bigint NOT NULL DEFAULT 0 CHECK (offset_ms >= 0 AND offset_ms < every_ms);

DROP FUNCTION IF EXISTS sma.grid_point_after(bigint, bigint);
DROP FUNCTION IF EXISTS sma.last_grid_point(bigint, bigint, bigint);
