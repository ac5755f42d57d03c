-- Counts of late and rejected records can be right while the records are not: one that is missing, and one that is there
-- for another. So the positions about which the layers disagree are counted too.
ALTER TABLE sma.accounting ADD COLUMN mismatched bigint NOT NULL DEFAULT 0;

COMMENT ON COLUMN sma.accounting.mismatched IS
    'positions at which the stream''s side outputs and the batch layer disagree about whether an event is late or a record rejected';
