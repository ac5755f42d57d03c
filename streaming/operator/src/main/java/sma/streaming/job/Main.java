package sma.streaming.job;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import org.apache.flink.core.fs.Path;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/**
 * The entry point of the jar: builds one job from its plan and submits it.
 *
 * <pre>
 * MovingAveragesJob --plan '{"kafka": ...}'
 * ReprocessingJob --plan-file /etc/sma/plan.json
 * </pre>
 *
 * <p>A plan holds the database's password. As an argument it is safe in the REST request that runs this jar, since Flink
 * neither stores nor shows the arguments of such a request. In application mode Flink logs the arguments or keeps them in
 * its configuration, for everybody to read: there the plan belongs in a file, on any file system that Flink knows.
 *
 * <p>Name, parallelism, checkpoints and the snapshot to restore from are Flink's own options and not read here.
 */
public final class Main {
    private static final String USAGE = "usage: <MovingAveragesJob | ReprocessingJob> (--plan JSON | --plan-file FILE)";

    private Main() {}

    /**
     * Submits a job to wherever this program runs.
     *
     * @throws IllegalArgumentException the arguments or the plan are wrong
     */
    public static void main(String[] arguments) throws Exception {
        if (arguments.length != 3) {
            throw new IllegalArgumentException(USAGE);
        }
        StreamExecutionEnvironment environment = StreamExecutionEnvironment.getExecutionEnvironment();
        define(environment, arguments[0], plan(arguments[1], arguments[2]));
        environment.execute();
    }

    private static void define(StreamExecutionEnvironment environment, String job, String plan) {
        switch (job) {
            case "MovingAveragesJob" -> MovingAveragesJob.define(environment, plan);
            case "ReprocessingJob" -> ReprocessingJob.define(environment, plan);
            default -> throw new IllegalArgumentException("no job " + job + "; " + USAGE);
        }
    }

    private static String plan(String option, String value) throws IOException {
        return switch (option) {
            case "--plan" -> value;
            case "--plan-file" -> read(new Path(value));
            default -> throw new IllegalArgumentException("no option " + option + "; " + USAGE);
        };
    }

    private static String read(Path file) throws IOException {
        try (InputStream stream = file.getFileSystem().open(file)) {
            return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
        }
    }
}
