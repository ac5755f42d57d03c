package org.apache.flink.metrics.prometheus;

import java.util.Properties;
import org.apache.flink.metrics.reporter.MetricReporterFactory;
import org.apache.flink.util.PortRange;

/** Makes the reporter of the options {@code host}, a name or an address, and {@code port}, one or several. */
public final class BoundPrometheusReporterFactory implements MetricReporterFactory {
    @Override
    public BoundPrometheusReporter createMetricReporter(Properties options) {
        return new BoundPrometheusReporter(required(options, "host"), new PortRange(required(options, "port")));
    }

    private static String required(Properties options, String name) {
        String value = options.getProperty(name);
        if (value == null) {
            throw new IllegalArgumentException("metrics.reporter.<name>." + name + " is not set");
        }
        return value;
    }
}
