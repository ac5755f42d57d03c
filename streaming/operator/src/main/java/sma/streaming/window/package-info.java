/**
 * The moving averages themselves: events of a partition of the log in, exact sums and counts out.
 *
 * <p>Plain Java, without Flink and without a clock: what comes out follows from what went in.
 */
package sma.streaming.window;
