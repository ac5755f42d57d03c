package sma.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/**
 * The last N events of each series in Kafka Streams, by the Processor API: a result at each event, in the log's order.
 *
 * <p>Each run is an application of its own in this JVM, begins at the log's start and stops once each partition has been
 * read up to its end. The time is that to the last record from RUNNING, when partitions are assigned and stores made, or
 * from the first record where one thread has begun before the other one is ready.
 */
public final class Main {
    static final String STORE = "windows";

    private static final int MAX_POLL_RECORDS = 10_000;
    private static final long TIMEOUT_MINUTES = 5;
    /** How long a thread waits, before it begins, for one that has left the group without a word; 45 s by default. */
    private static final int SESSION_TIMEOUT_MS = 10_000;

    private Main() {}

    /** Arguments: bootstrap servers, topic, N, ends as {@code 0:10,1:12}, store, threads, runs, state folder. */
    public static void main(String[] arguments) throws InterruptedException, IOException {
        Map<Integer, Long> ends = ends(arguments[3]);
        Files.createDirectories(Path.of(arguments[7]));
        for (int run = 0; run < Integer.parseInt(arguments[6]); run++) {
            Progress progress = new Progress(ends);
            double seconds = run(
                    configuration(arguments[0], Integer.parseInt(arguments[5]), arguments[7]),
                    topology(arguments[1], Integer.parseInt(arguments[2]), arguments[4], progress),
                    progress);
            System.out.printf("{\"events\": %d, \"seconds\": %.3f}%n", progress.events.get(), seconds);
        }
        System.exit(0);
    }

    private static double run(Properties configuration, Topology topology, Progress progress)
            throws InterruptedException {
        KafkaStreams streams = new KafkaStreams(topology, configuration);
        streams.setStateListener((now, before) -> {
            if (now == KafkaStreams.State.RUNNING) {
                progress.begin();
            }
        });
        AtomicReference<Throwable> fault = new AtomicReference<>();
        streams.setUncaughtExceptionHandler(thrown -> {
            fault.compareAndSet(null, thrown);
            progress.giveUp();
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        streams.start();
        boolean isDone = progress.done.await(TIMEOUT_MINUTES, TimeUnit.MINUTES);
        if (!isDone || fault.get() != null) {
            throw new IllegalStateException(
                    isDone ? "a thread died" : "not done after " + TIMEOUT_MINUTES + " minutes: " + streams.state(),
                    fault.get());
        }
        double seconds = (System.nanoTime() - progress.began.get()) / 1e9;
        streams.close();
        streams.cleanUp();
        return seconds;
    }

    private static Topology topology(String topic, int length, String kind, Progress progress) {
        StoreBuilder<KeyValueStore<byte[], byte[]>> store = Stores.keyValueStoreBuilder(
                Stores.inMemoryKeyValueStore(STORE), Serdes.ByteArray(), Serdes.ByteArray());
        switch (kind) {
            case "logged" -> store.withLoggingEnabled(Collections.emptyMap());
            case "cached" -> store.withLoggingEnabled(Collections.emptyMap()).withCachingEnabled();
            case "unlogged" -> store.withLoggingDisabled();
            default -> throw new IllegalArgumentException(kind);
        }
        return new Topology()
                .addSource("events", Serdes.ByteArray().deserializer(), Serdes.ByteArray().deserializer(), topic)
                .addProcessor("averages", () -> new LastEvents(length, progress), "events")
                .addStateStore(store, "averages");
    }

    private static Properties configuration(String bootstrap, int threads, String folder) {
        Properties properties = new Properties();
        properties.put(StreamsConfig.APPLICATION_ID_CONFIG, "bench-streams-" + System.nanoTime());
        properties.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap);
        properties.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, threads);
        properties.put(StreamsConfig.STATE_DIR_CONFIG, folder);
        properties.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
        properties.put(ConsumerConfig.MAX_POLL_RECORDS_CONFIG, MAX_POLL_RECORDS);
        properties.put(ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG, SESSION_TIMEOUT_MS);
        return properties;
    }

    private static Map<Integer, Long> ends(String text) {
        return Arrays.stream(text.split(","))
                .map(place -> place.split(":"))
                .collect(Collectors.toMap(place -> Integer.valueOf(place[0]), place -> Long.valueOf(place[1])));
    }

    /** When the work began, how many events have been used, and which partitions are read to their ends. */
    static final class Progress {
        private static final long NOT_YET = Long.MIN_VALUE;

        final AtomicLong began = new AtomicLong(NOT_YET);
        final AtomicLong events = new AtomicLong();
        final CountDownLatch done;

        private final Map<Integer, Long> ends;

        Progress(Map<Integer, Long> ends) {
            this.ends = ends;
            done = new CountDownLatch(ends.size());
        }

        /** Called by whoever begins; the first call counts. */
        void begin() {
            began.compareAndSet(NOT_YET, System.nanoTime());
        }

        /** Lets nobody wait for records that nobody reads any more. */
        void giveUp() {
            while (done.getCount() > 0) {
                done.countDown();
            }
        }

        long endOf(int partition) {
            return ends.get(partition);
        }
    }
}
