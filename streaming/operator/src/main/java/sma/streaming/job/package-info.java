/**
 * The Flink jobs: read the log, write averages to the database and to subscribers, late and rejected events to topics.
 *
 * <p>{@link sma.streaming.job.Main} is the entry point. Python decides what a job computes: see {@link
 * sma.streaming.job.JobPlan}.
 */
package sma.streaming.job;
