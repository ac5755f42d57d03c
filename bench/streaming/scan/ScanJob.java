package sma.streaming.job;

import java.util.HashMap;
import java.util.Map;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.core.JsonProcessingException;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;
import org.apache.kafka.common.TopicPartition;
import sma.streaming.window.EventBlock;

/**
 * The job's first half, for the benchmark: records are read and parsed as the job does it, and thrown away.
 *
 * <p>In the operator's package, since what it is made of is visible nowhere else.
 */
public final class ScanJob {
    private ScanJob() {}

    /** Adds the job to an environment; the plan is that of {@link MovingAveragesJob}, its windows of no effect. */
    public static void define(StreamExecutionEnvironment environment, String json) throws JsonProcessingException {
        JobPlan plan = JobPlan.fromJson(json);
        environment.getConfig().enableObjectReuse();
        KafkaSource<LogRecord> source = KafkaSource.<LogRecord>builder()
                .setProperties(plan.kafka().connection())
                .setGroupId(plan.kafka().group())
                .setTopics(plan.kafka().eventsTopic())
                .setDeserializer(new LogRecord.Reader())
                .setStartingOffsets(OffsetsInitializer.offsets(places(plan, plan.kafka().fromOffsets())))
                .setBounded(OffsetsInitializer.offsets(places(plan, plan.kafka().toOffsets())))
                .setProperty("isolation.level", "read_committed")
                .setProperty("commit.offsets.on.checkpoint", "false")
                .build();
        environment
                .fromSource(source, WatermarkStrategy.noWatermarks(), "events")
                .transform("event_blocks", new EventBlockType(), new EventBlocks(plan.maxAheadMs(), plan.lingerMs(), Map.of()))
                .sinkTo(new DiscardingSink<EventBlock>());
    }

    private static Map<TopicPartition, Long> places(JobPlan plan, Map<Integer, Long> offsets) {
        Map<TopicPartition, Long> places = new HashMap<>();
        offsets.forEach((partition, offset) -> places.put(new TopicPartition(plan.kafka().eventsTopic(), partition), offset));
        return places;
    }
}
