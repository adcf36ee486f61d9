/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.hosts;

import io.zcbot.sandbox.worker.testkit.deployment.WorkerProcess;
import io.zcbot.sandbox.worker.testkit.machine.Commands;
import io.zcbot.sandbox.worker.testkit.machine.EngineHost;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** A worker in a separate process. */
final class HostWorker {
  private static final HttpClient HTTP =
      HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(2)).build();

  private final String id;
  private final EngineHost host;
  private final int opsPort;
  private final Path log;
  private final Process process;
  private boolean wasReady;

  private HostWorker(String id, EngineHost host, int opsPort, Path log, Process process) {
    this.id = id;
    this.host = host;
    this.opsPort = opsPort;
    this.log = log;
    this.process = process;
  }

  static HostWorker launch(
      String id, EngineHost host, int opsPort, Map<String, String> env, Path log)
      throws IOException {
    Process process =
        Java.start(
            "io.zcbot.sandbox.worker.cli.Main",
            List.of("@" + WorkerProcess.options(), "-Dlogback.configurationFile=logback.xml"),
            List.of("run"),
            env,
            log);
    return new HostWorker(id, host, opsPort, log, process);
  }

  String id() {
    return id;
  }

  EngineHost host() {
    return host;
  }

  boolean isAlive() {
    return process.isAlive();
  }

  boolean isReady() throws InterruptedException {
    try {
      boolean ready =
          HTTP.send(
                      HttpRequest.newBuilder(
                              URI.create("http://127.0.0.1:" + opsPort + "/health/ready"))
                          .timeout(Duration.ofSeconds(2))
                          .build(),
                      HttpResponse.BodyHandlers.discarding())
                  .statusCode()
              == 200;
      wasReady |= ready;
      return ready;
    } catch (IOException _) {
      return false;
    }
  }

  /** Whether it was seen ready. */
  boolean wasReady() {
    return wasReady;
  }

  void awaitReady() throws IOException, InterruptedException {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(120);
    while (!isReady()) {
      if (!process.isAlive() || System.nanoTime() > deadline) {
        throw new IOException("worker " + id + " did not get ready; " + logTail());
      }
      TimeUnit.MILLISECONDS.sleep(50);
    }
  }

  void kill() throws InterruptedException {
    process.destroyForcibly().waitFor();
  }

  void terminate() {
    process.destroy();
  }

  /** Returns the exit code, once it ended. */
  int awaitEnd(Duration within) throws IOException, InterruptedException {
    if (!process.waitFor(within.toMillis(), TimeUnit.MILLISECONDS)) {
      throw new IOException("worker " + id + " does not end within " + within + "; " + logTail());
    }
    return process.exitValue();
  }

  void freeze() throws IOException, InterruptedException {
    Commands.signal(process.pid(), "STOP");
  }

  void thaw() throws IOException, InterruptedException {
    Commands.signal(process.pid(), "CONT");
  }

  String logText() throws IOException {
    return Files.readString(log);
  }

  String logTail() throws IOException {
    List<String> lines = Files.readAllLines(log);
    return "the end of its log:\n"
        + String.join("\n", lines.subList(Math.max(0, lines.size() - 15), lines.size()));
  }
}
