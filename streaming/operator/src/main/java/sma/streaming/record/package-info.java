/**
 * Reads a record of the topic {@code events}: an event, a heartbeat, or a rejected record.
 *
 * <p>The rule is that of {@code sma/event.py} and {@code sma/value.py}, reason texts included;
 * {@code tests/vectors/records.jsonl} holds both languages to it.
 */
package sma.streaming.record;
