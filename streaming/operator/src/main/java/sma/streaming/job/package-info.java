/**
 * The Flink job: the log in, averages to the database and to subscribers, late and rejected events to their topics.
 *
 * <p>What is in the job and with which settings, Python decides: see {@link sma.streaming.job.JobPlan}.
 */
package sma.streaming.job;
