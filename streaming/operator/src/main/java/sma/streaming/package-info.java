/**
 * Reads the records of the topic {@code events} for Flink.
 *
 * <p>The rule is that of {@code sma/event.py} and {@code sma/value.py}, reason texts included;
 * {@code tests/vectors/records.jsonl} holds both languages to it. Only {@code max_ahead} is not
 * checked here: a format does not see the record's timestamp, so the job's SQL does it.
 */
package sma.streaming;
