/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.testkit.deployment;

import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.worker.testkit.machine.Commands;
import java.io.IOException;
import java.net.URI;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A worker in a separate process, with its packaged options, which can be killed. */
public final class WorkerProcess implements AutoCloseable {
  /** The heap up to which a worker does not collect it, see HeapWatch: enough without an attack. */
  public static final String USUAL_HEAP = "-Xmx88m";

  private final Process process;
  private final Path log;

  private WorkerProcess(Process process, Path log) {
    this.process = process;
    this.log = log;
  }

  /**
   * Starts a worker of a deployment, and waits until it is ready.
   *
   * @param options of its JVM, which replace packaged ones
   */
  public static WorkerProcess start(Deployment deployment, String name, String... options)
      throws Exception {
    Path log = Files.createTempFile("zcbot-worker-", ".log");
    List<String> command = new ArrayList<>();
    // A run of the tests under nohup ignores SIGHUP, which its children would do as well.
    command.addAll(List.of("env", "--default-signal=HUP"));
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("@" + options());
    command.addAll(List.of(options));
    command.addAll(List.of("-cp", classPath(), "io.zcbot.sandbox.worker.cli.Main", "run"));
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().keySet().removeIf(key -> key.startsWith("ZCBOT_"));
    builder.environment().putAll(deployment.environment(name));
    WorkerProcess started =
        new WorkerProcess(
            builder.redirectErrorStream(true).redirectOutput(log.toFile()).start(), log);
    started.awaitReady(deployment.ops());
    return started;
  }

  private void awaitReady(WorkerOps ops) throws IOException {
    await("a worker that is ready")
        .atMost(Deployment.SOON.multipliedBy(2))
        .until(() -> !process.isAlive() || isReady(ops));
    if (!process.isAlive()) {
      throw new AssertionError("the worker ended: " + output());
    }
  }

  private static boolean isReady(WorkerOps ops) throws Exception {
    try {
      return ops.get("/health/ready").statusCode() == 200;
    } catch (IOException _) {
      return false;
    }
  }

  /** Kills the process. */
  public void kill() throws InterruptedException {
    process.destroyForcibly().waitFor();
  }

  /** Freezes the process: it sends nothing more, and what it sent before is on its way. */
  public void freeze() throws IOException, InterruptedException {
    Commands.signal(process.pid(), "STOP");
  }

  public void thaw() throws IOException, InterruptedException {
    Commands.signal(process.pid(), "CONT");
  }

  /** Has the worker read its file of profiles again. */
  public void hangUp() throws IOException, InterruptedException {
    Commands.signal(process.pid(), "HUP");
  }

  /** The process's resident memory, in bytes. */
  public long residentBytes() throws IOException {
    return status("VmRSS:");
  }

  /** The most resident memory that the process has had, in bytes. */
  public long peakBytes() throws IOException {
    return status("VmHWM:");
  }

  private long status(String field) throws IOException {
    return Files.readAllLines(Path.of("/proc/" + process.pid() + "/status")).stream()
        .filter(line -> line.startsWith(field))
        .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) << 10)
        .findFirst()
        .orElseThrow();
  }

  /** The bytes that it has read so far, from sockets and files. */
  public long bytesRead() throws IOException {
    return Files.readAllLines(Path.of("/proc/" + process.pid() + "/io")).stream()
        .filter(line -> line.startsWith("rchar:"))
        .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
        .findFirst()
        .orElseThrow();
  }

  public boolean isAlive() {
    return process.isAlive();
  }

  public String output() throws IOException {
    return Files.readString(log);
  }

  /** The packaged options, wherever the tests are run from. */
  public static Path options() {
    URL classes = WorkerProcess.class.getProtectionDomain().getCodeSource().getLocation();
    return Path.of(URI.create(classes.toString())).resolve("../../../jvm.options").normalize();
  }

  /** The class path. If it is only Surefire's jar with a manifest, the entries of that manifest. */
  public static String classPath() {
    return System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
  }

  /** Stops the process as {@code kill} does, so that it undoes its mounts. */
  @Override
  public void close() {
    process.destroy();
    try {
      process.onExit().orTimeout(Deployment.SOON.toSeconds(), TimeUnit.SECONDS).join();
    } finally {
      process.destroyForcibly();
    }
  }
}
