-- Statements of topic_made_anew: they say which topic the offset index was made from.

-- read_topic_ids --
SELECT DISTINCT topic_id
FROM sma.indexed_partitions
WHERE topic_id IS NOT NULL
