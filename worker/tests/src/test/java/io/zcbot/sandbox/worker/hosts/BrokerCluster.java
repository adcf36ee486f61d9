/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.hosts;

import io.zcbot.sandbox.worker.testkit.machine.Commands;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.metadata.storage.Formatter;
import org.apache.kafka.server.common.MetadataVersion;

/**
 * Three brokers, each in a process that is both broker and controller. Everything is replicated on
 * all three.
 */
final class BrokerCluster implements AutoCloseable {
  private static final int NODES = 3;
  private static final String LOOPBACK = "127.0.0.1";

  private final Path base;
  private final List<Integer> ports = new ArrayList<>();
  private final List<Integer> controllerPorts = new ArrayList<>();
  private final List<Process> brokers = new ArrayList<>();

  private BrokerCluster(Path base) {
    this.base = base;
  }

  static BrokerCluster start(Path base) throws Exception {
    BrokerCluster cluster = new BrokerCluster(base);
    try {
      Files.createDirectories(base);
      cluster.takePorts();
      String clusterId = Uuid.randomUuid().toString();
      for (int node = 0; node < NODES; node++) {
        cluster.format(node, clusterId);
      }
      for (int node = 0; node < NODES; node++) {
        cluster.brokers.add(cluster.launch(node));
      }
      cluster.awaitInSync();
      return cluster;
    } catch (Exception e) {
      cluster.close();
      throw e;
    }
  }

  /**
   * Takes ports of a fixed range below the ephemeral ones, so that a restarted broker finds its own
   * free.
   */
  private void takePorts() throws IOException {
    int candidate = ThreadLocalRandom.current().nextInt(21_000, 26_000);
    while (ports.size() + controllerPorts.size() < 2 * NODES) {
      try (ServerSocket _ = new ServerSocket(candidate, 1, InetAddress.ofLiteral(LOOPBACK))) {
        (ports.size() < NODES ? ports : controllerPorts).add(candidate);
      } catch (IOException _) {
        // In use: the next one.
      }
      candidate++;
    }
  }

  String bootstrapServers() {
    return ports.stream().map(port -> LOOPBACK + ":" + port).collect(Collectors.joining(","));
  }

  int size() {
    return NODES;
  }

  private Path data(int node) {
    return base.resolve("broker-" + node);
  }

  private void format(int node, String clusterId) throws Exception {
    try (PrintStream quiet = new PrintStream(OutputStream.nullOutputStream())) {
      new Formatter()
          .setPrintStream(quiet)
          .setClusterId(clusterId)
          .setNodeId(node)
          .setControllerListenerName("CONTROLLER")
          .addDirectory(data(node).toString())
          .setMetadataLogDirectory(data(node).toString())
          .setReleaseVersion(MetadataVersion.latestProduction())
          .run();
    }
    Map<String, String> settings = settings(node);
    Files.write(
        base.resolve("broker-" + node + ".properties"),
        settings.entrySet().stream().map(e -> e.getKey() + "=" + e.getValue()).toList());
    Files.writeString(
        base.resolve("logback.xml"),
        """
        <configuration>
          <appender name="out" class="ch.qos.logback.core.ConsoleAppender">
            <encoder><pattern>%d{HH:mm:ss.SSS} %-5level %logger{0} %msg%n</pattern></encoder>
          </appender>
          <root level="WARN"><appender-ref ref="out"/></root>
        </configuration>
        """);
  }

  private Map<String, String> settings(int node) {
    Map<String, String> all = new TreeMap<>();
    all.put("process.roles", "broker,controller");
    all.put("node.id", Integer.toString(node));
    all.put(
        "controller.quorum.voters",
        IntStream.range(0, NODES)
            .mapToObj(n -> n + "@" + LOOPBACK + ":" + controllerPorts.get(n))
            .collect(Collectors.joining(",")));
    all.put(
        "listeners",
        "PLAINTEXT://%s:%d,CONTROLLER://%s:%d"
            .formatted(LOOPBACK, ports.get(node), LOOPBACK, controllerPorts.get(node)));
    all.put("listener.security.protocol.map", "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT");
    all.put("controller.listener.names", "CONTROLLER");
    all.put("inter.broker.listener.name", "PLAINTEXT");
    all.put("log.dirs", data(node).toString());
    all.put("auto.create.topics.enable", "false");
    // Everything is allowed but for what a trial denies.
    all.put("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer");
    all.put("allow.everyone.if.no.acl.found", "true");
    all.put("principal.builder.class", ListenerPrincipals.class.getName());
    all.put("super.users", "User:CONTROLLER");
    all.put("default.replication.factor", "3");
    all.put("min.insync.replicas", "2");
    all.put("offsets.topic.replication.factor", "3");
    all.put("offsets.topic.num.partitions", "3");
    all.put("transaction.state.log.replication.factor", "3");
    all.put("transaction.state.log.min.isr", "2");
    all.put("transaction.state.log.num.partitions", "3");
    all.put("share.coordinator.state.topic.num.partitions", "1");
    all.put("group.consumer.assignment.interval.ms", "0");
    all.put("group.consumer.min.session.timeout.ms", "5000");
    all.put("group.consumer.session.timeout.ms", "8000");
    all.put("group.consumer.max.session.timeout.ms", "180000");
    all.put("group.consumer.min.heartbeat.interval.ms", "500");
    all.put("group.consumer.heartbeat.interval.ms", "1000");
    all.put("num.network.threads", "2");
    all.put("num.io.threads", "4");
    all.put("background.threads", "2");
    // By default two files of 10 MiB are created for each of some thousand replicas.
    all.put("log.index.size.max.bytes", "65536");
    all.put("log.cleaner.dedupe.buffer.size", "4194304");
    all.put("log.cleaner.backoff.ms", "500");
    all.put("controlled.shutdown.enable", "true");
    return all;
  }

  private Process launch(int node) throws IOException {
    return Java.start(
        "kafka.Kafka",
        List.of(
            "-Xms128m",
            "-Xmx384m",
            "-Dlog4j2.StatusLogger.level=OFF",
            "-Dlogback.configurationFile=" + base.resolve("logback.xml")),
        List.of(base.resolve("broker-" + node + ".properties").toString()),
        Map.of(),
        base.resolve("broker-" + node + ".log"));
  }

  /** Waits until every broker is a member and every partition is on all of them. */
  void awaitInSync() throws InterruptedException, IOException {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(90);
    String state = "";
    while (System.nanoTime() < deadline) {
      try (Admin admin =
          Admin.create(
              Map.<String, Object>of(
                  "bootstrap.servers",
                  bootstrapServers(),
                  "default.api.timeout.ms",
                  "5000",
                  "request.timeout.ms",
                  "3000"))) {
        int nodes = admin.describeCluster().nodes().get().size();
        var topics =
            admin
                .describeTopics(
                    admin
                        .listTopics(
                            new org.apache.kafka.clients.admin.ListTopicsOptions()
                                .listInternal(true))
                        .names()
                        .get())
                .allTopicNames()
                .get();
        long behind =
            topics.values().stream()
                .flatMap(topic -> topic.partitions().stream())
                .filter(p -> p.isr().size() < p.replicas().size() || p.leader() == null)
                .count();
        state = nodes + " nodes, " + behind + " partitions not in sync";
        if (nodes == NODES && behind == 0) {
          return;
        }
      } catch (java.util.concurrent.ExecutionException | RuntimeException e) {
        state = e.toString();
      }
      TimeUnit.MILLISECONDS.sleep(200);
    }
    throw new IOException("the brokers are not in sync after 90 s: " + state);
  }

  /** Stops one broker in an orderly way. */
  void stop(int node) throws InterruptedException {
    Process before = brokers.get(node);
    before.destroy();
    if (!before.waitFor(60, TimeUnit.SECONDS)) {
      before.destroyForcibly().waitFor();
    }
  }

  /** Restarts one broker in an orderly way, and waits until it has caught up. */
  void restart(int node) throws Exception {
    stop(node);
    brokers.set(node, launch(node));
    awaitInSync();
  }

  /** Freezes every broker: none of them answers. */
  void freeze() throws Exception {
    for (Process broker : brokers) {
      Commands.signal(broker.pid(), "STOP");
    }
  }

  void thaw() throws Exception {
    for (Process broker : brokers) {
      Commands.signal(broker.pid(), "CONT");
    }
  }

  @Override
  public void close() {
    // SIGKILL ends a stopped process too, and nobody needs what they would flush.
    brokers.forEach(Process::destroyForcibly);
    brokers.forEach(
        broker -> {
          try {
            broker.waitFor();
          } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
          }
        });
  }
}
