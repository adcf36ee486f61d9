/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.bench;

import io.zcbot.sandbox.standalone.FreePort;
import java.io.Closeable;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.DoubleStream;

/** The real worker in a process of its own, with its default settings but for those given. */
final class WorkerProcess implements AutoCloseable {
  private static final int PATIENCE_MS = 180_000;

  private final Child child;
  private final Closeable surroundings;
  private final int port;
  private final Path log;
  private final HttpClient http = HttpClient.newHttpClient();
  private final long began = System.nanoTime();
  private double startMillis;
  private ProcessHandle jvm;

  private WorkerProcess(Child child, Closeable surroundings, int port, Path log) {
    this.child = child;
    this.surroundings = surroundings;
    this.jvm = child.handle();
    this.port = port;
    this.log = log;
  }

  /** Starts one as it is packaged and waits until it serves. */
  static WorkerProcess start(Setting setting, String prefix, Map<String, String> more)
      throws Exception {
    return start(setting, prefix, setting.worker(), more);
  }

  /** Starts one and waits until it serves. */
  static WorkerProcess start(
      Setting setting, String prefix, PackagedWorker packaged, Map<String, String> more)
      throws Exception {
    return start(
        setting,
        setting.kafka(),
        prefix,
        more,
        (env, log) ->
            Child.start(
                packaged.java(), "io.zcbot.sandbox.worker.cli.Main", List.of("run"), env, log),
        () -> {});
  }

  /** Starts the worker's image, with what {@code compose.warm.yaml} grants it, and waits. */
  static WorkerProcess inContainer(Setting setting, String prefix, Map<String, String> more)
      throws Exception {
    WorkerContainer container = WorkerContainer.prepare(setting);
    try {
      WorkerProcess worker =
          start(setting, setting.kafka(), prefix, more, container::start, container);
      worker.jvm = container.jvm();
      return worker;
    } catch (Exception e) {
      container.close();
      throw e;
    }
  }

  /** Starts one with a broker in the same process, as {@code bin/run} does, on a free port. */
  static WorkerProcess standalone(
      Setting setting, Kafka kafka, String prefix, Map<String, String> more) throws Exception {
    String port = kafka.servers().substring(kafka.servers().indexOf(':') + 1);
    return start(
        setting,
        kafka,
        prefix,
        more,
        (env, log) -> {
          env.remove("ZCBOT_KAFKA_BOOTSTRAP_SERVERS"); // it knows its own
          return Child.start(
              List.of(
                  setting.root().resolve("bin/sandbox").toString(),
                  "standalone",
                  "--data",
                  Files.createTempDirectory(setting.directory(), "standalone").toString(),
                  "--kafka-port",
                  port),
              env,
              log);
        },
        () -> {});
  }

  private interface Start {
    Child child(Map<String, String> env, Path log) throws IOException;
  }

  private static WorkerProcess start(
      Setting setting,
      Kafka kafka,
      String prefix,
      Map<String, String> more,
      Start start,
      Closeable surroundings)
      throws Exception {
    int port = FreePort.next();
    Map<String, String> env = new HashMap<>();
    env.put("ZCBOT_WORKER_ID", setting.id());
    env.put("ZCBOT_HOST", "bench");
    env.put("ZCBOT_KAFKA_BOOTSTRAP_SERVERS", kafka.servers());
    env.put("ZCBOT_TOPIC_PREFIX", prefix);
    env.put("ZCBOT_GROUP", prefix + "workers");
    env.put("ZCBOT_SANDBOX_NETWORK", setting.network());
    env.put("ZCBOT_WORKSPACE_ROOT", setting.workspaces("worker").toString());
    env.put("ZCBOT_SANDBOX_MAX", "200");
    env.put("ZCBOT_NEW_USERS_PER_MINUTE", "100000");
    env.put("ZCBOT_OPS_ADDRESS", "127.0.0.1:" + port);
    env.putAll(more);
    Path log = setting.directory().resolve("worker.log");
    WorkerProcess worker = new WorkerProcess(start.child(env, log), surroundings, port, log);
    worker.await("serves", () -> Files.readString(log).contains("serves ensures"));
    worker.startMillis = (System.nanoTime() - worker.began) / 1e6;
    return worker;
  }

  private interface Condition {
    boolean holds() throws Exception;
  }

  private void await(String what, Condition condition) throws Exception {
    long deadline = System.nanoTime() + PATIENCE_MS * 1_000_000L;
    while (!condition.holds()) {
      if (!child.isAlive() || System.nanoTime() > deadline) {
        child.close();
        throw new IOException("the worker never " + what + ": " + Files.readString(log));
      }
      Thread.sleep(10);
    }
  }

  /** Waits until so many slots wait for a user. */
  void awaitParked(int slots) throws Exception {
    await("parked " + slots + " slots", () -> parked() >= slots);
  }

  private int parked() throws Exception {
    return (int) metric("zcbot_slots_idle");
  }

  /** The sum over a metric's labels. */
  double metric(String name) throws Exception {
    return metrics().sum(name, "");
  }

  /** What it tells of itself at one instant. */
  Samples metrics() throws Exception {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/metrics")).build();
    return new Samples(http.send(request, HttpResponse.BodyHandlers.ofLines()).body().toList());
  }

  /**
   * Metrics.
   *
   * @param lines as Prometheus reads them
   */
  record Samples(List<String> lines) {
    /** The largest of a metric's series. */
    double most(String name) {
      return values(name, "").max().orElse(0);
    }

    /** The sum over a metric's series that have such a label, written {@code name="value"}. */
    double sum(String name, String label) {
      return values(name, label).sum();
    }

    private DoubleStream values(String name, String label) {
      return lines.stream()
          .filter(line -> line.startsWith(name + " ") || line.startsWith(name + "{"))
          .filter(line -> line.contains(label))
          .mapToDouble(line -> Double.parseDouble(line.substring(line.lastIndexOf(' ') + 1)));
    }
  }

  /** From the process's start to the line that says that it serves. */
  double startMillis() {
    return startMillis;
  }

  /** Its JVM's process. */
  ProcessHandle jvm() {
    return jvm;
  }

  /** Processor time so far, in milliseconds: what other load does to the machine hardly counts. */
  long processorMillis() {
    return jvm.info().totalCpuDuration().orElseThrow().toMillis();
  }

  /** Resident memory in MiB. */
  long residentMib() throws IOException {
    return Files.readAllLines(Path.of("/proc/" + jvm.pid() + "/status")).stream()
        .filter(line -> line.startsWith("VmRSS:"))
        .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) / 1024)
        .findFirst()
        .orElseThrow();
  }

  @Override
  public void close() throws IOException {
    child.close();
    http.close();
    surroundings.close();
  }
}
