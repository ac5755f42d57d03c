package org.apache.flink.metrics.prometheus;

import io.prometheus.client.exporter.HTTPServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.Iterator;
import org.apache.flink.util.PortRange;

/**
 * Serves metrics to Prometheus as Flink's own reporter does, but on one address: that one listens on all of them.
 *
 * <p>It is in Flink's package, since the registry of metrics is visible only there.
 */
public final class BoundPrometheusReporter extends AbstractPrometheusReporter {
    private final HTTPServer server;

    /**
     * Takes the first port that is free.
     *
     * @throws IllegalStateException none is
     */
    BoundPrometheusReporter(String host, PortRange ports) {
        server = serve(host, ports);
    }

    private HTTPServer serve(String host, PortRange ports) {
        IOException last = null;
        for (Iterator<Integer> left = ports.getPortsIterator(); left.hasNext(); ) {
            InetSocketAddress address = new InetSocketAddress(host, left.next());
            try {
                HTTPServer started = new HTTPServer(address, registry);
                log.info("Metrics are served at {}.", address);
                return started;
            } catch (IOException taken) {
                last = taken;
            }
        }
        throw new IllegalStateException("metrics cannot be served at " + host + ", ports " + ports, last);
    }

    @Override
    public void close() {
        server.stop();
        super.close();
    }
}
