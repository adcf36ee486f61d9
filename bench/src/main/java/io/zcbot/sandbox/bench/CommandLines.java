/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.bench;

import io.zcbot.sandbox.standalone.FreePort;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * What somebody waits for who types a command: whole processes, from the script's start to its end.
 */
final class CommandLines implements Experiment {
  private static final int PATIENCE_SECONDS = 120;
  private static final String USER = "00000000-0000-4000-8000-000000000001";
  private static final String JAVA = "java -version";
  private static final String RUN = "bin/run until it serves";

  /**
   * A row.
   *
   * @param target in milliseconds; 0 where there is none
   */
  private record Row(String name, List<String> arguments, int target) {}

  private static final List<Row> ROWS =
      List.of(
          new Row("--version", List.of("--version"), 250),
          new Row("activity", List.of("activity", USER), 700),
          new Row("ensure, the sandbox runs", List.of("ensure", USER), 700),
          new Row("ps", List.of("ps"), 700),
          new Row("get", List.of("get", USER), 0),
          new Row("audit", List.of("audit", "--summary"), 0),
          new Row("doctor", List.of("doctor"), 0));

  private static final int RUN_TARGET = 3000;

  @Override
  public void run(Setting setting, Report report) throws Exception {
    Rounds rounds = new Rounds();
    round(setting, new Rounds()); // builds what is missing, and trains the caches
    for (int round = 0; round < setting.rounds(); round++) {
      round(setting, rounds);
      Setting.say(
          "round %d: %s %s ms, ps %s ms",
          round, RUN, rounds.text(RUN, "%.0f"), rounds.text("ps", "%.0f"));
    }
    report(rounds, report);
  }

  private static void round(Setting setting, Rounds into) throws Exception {
    int kafkaPort = FreePort.next();
    Map<String, String> env = new HashMap<>();
    env.put("ZCBOT_WORKER_ID", setting.id());
    env.put("ZCBOT_HOST", "bench");
    env.put("ZCBOT_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:" + kafkaPort);
    env.put("ZCBOT_SANDBOX_NETWORK", setting.network());
    env.put("ZCBOT_WORKSPACE_ROOT", setting.workspaces("commands").toString());
    env.put("ZCBOT_OPS_ADDRESS", "127.0.0.1:" + FreePort.next());
    Path log = setting.directory().resolve("commands.log");
    into.add(JAVA, timed(List.of(java(), "-version"), env, log));
    long began = System.nanoTime();
    Process server =
        start(
            List.of(
                setting.root().resolve("bin/run").toString(),
                "--data",
                setting.directory().resolve("commands-data").toString(),
                "--kafka-port",
                Integer.toString(kafkaPort)),
            env,
            setting.directory().resolve("commands-run.log"));
    try {
      awaitServing(server, setting.directory().resolve("commands-run.log"));
      into.add(RUN, (System.nanoTime() - began) / 1e6);
      String sandbox = setting.root().resolve("bin/sandbox").toString();
      timed(List.of(sandbox, "ensure", USER), env, log);
      for (Row row : ROWS) {
        List<String> command = new ArrayList<>(List.of(sandbox));
        command.addAll(row.arguments());
        into.add(row.name(), timed(command, env, log));
      }
    } finally {
      server.destroy();
      if (!server.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
        server.destroyForcibly();
      }
    }
  }

  private static void awaitServing(Process server, Path log) throws Exception {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(4 * PATIENCE_SECONDS);
    while (!Files.readString(log).contains("serves ensures")) {
      if (!server.isAlive() || System.nanoTime() > deadline) {
        throw new IOException("bin/run does not serve: " + Files.readString(log));
      }
      Thread.sleep(10);
    }
  }

  /** Milliseconds from start to end. Doctor may find something: then its exit code is 1. */
  private static double timed(List<String> command, Map<String, String> env, Path log)
      throws Exception {
    long began = System.nanoTime();
    Process process = start(command, env, log);
    if (!process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
      process.destroyForcibly();
      throw new IOException(command + " does not end: " + Files.readString(log));
    }
    double millis = (System.nanoTime() - began) / 1e6;
    if (process.exitValue() != 0 && !command.contains("doctor")) {
      throw new IOException(
          command + " ended with " + process.exitValue() + ": " + Files.readString(log));
    }
    return millis;
  }

  private static Process start(List<String> command, Map<String, String> env, Path log)
      throws IOException {
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectInput(Path.of("/dev/null").toFile())
            .redirectOutput(log.toFile());
    builder.environment().keySet().removeIf(key -> key.startsWith("ZCBOT_"));
    builder.environment().putAll(env);
    return builder.start();
  }

  private static String java() {
    return Path.of(System.getProperty("java.home"), "bin", "java").toString();
  }

  private static void report(Rounds rounds, Report report) {
    report.title("The command line");
    report.line(
        "Whole processes, from the script's start to its end, with the worker and the broker of"
            + " `bin/run` on the same machine; ratios to `"
            + JAVA
            + "`.");
    report.line("");
    List<List<String>> rows = new ArrayList<>();
    rows.add(List.of("`" + JAVA + "`", rounds.text(JAVA, "%.0f"), ""));
    for (Row row : ROWS) {
      rows.add(cells("`sandbox` " + row.name(), row.name(), rounds));
    }
    rows.add(cells(RUN, RUN, rounds));
    report.table(List.of("command", "ms", "ratio"), rows);
    for (Row row : ROWS) {
      if (row.target() > 0) {
        target(row.name(), row.target(), rounds, report);
      }
    }
    target(RUN, RUN_TARGET, rounds, report);
  }

  private static List<String> cells(String title, String name, Rounds rounds) {
    return List.of(title, rounds.text(name, "%.0f"), rounds.ratioText(name, JAVA));
  }

  private static void target(String name, int millis, Rounds rounds, Report report) {
    report.target(
        name + " ≤ " + millis + " ms",
        rounds.median(name) <= millis,
        rounds.text(name, "%.0f") + " ms");
  }
}
