/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.standalone;

import io.zcbot.sandbox.worker.Worker;
import io.zcbot.sandbox.worker.cli.Console;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * A training run of the command line: one process runs the commands, with a real broker, a worker
 * and a stand-in for the engine beside it, so that the JVM keeps the classes that commands load and
 * link.
 */
public final class CommandTraining {
  private static final long PATIENCE_SECONDS = 120;
  private static final String USER = "00000000-0000-4000-8000-000000000001";

  /** In this order, so that there is a sandbox to tell of. The stand-in is not a fit engine. */
  private static final List<String> COMMANDS =
      List.of(
          "--help",
          "topics create",
          "ensure --timeout 30s " + USER,
          "activity " + USER,
          "exec " + USER + " -- true",
          "ps",
          "ps --all-hosts",
          "get " + USER,
          "release " + USER,
          "doctor",
          "topics check",
          "watch --from-beginning --count 2",
          "audit --summary");

  private CommandTraining() {}

  /**
   * Trains; without arguments, is the process that is trained.
   *
   * @param args the cache to write, then the JVM's options and class path as they will be
   */
  public static void main(String[] args) throws Exception {
    if (args.length == 0) {
      Console console = Console.ofProcess();
      for (String command : COMMANDS) {
        console
            .out()
            .println(command + ": " + Main.commandLine(console).execute(command.split(" ")));
      }
      System.exit(0); // what commands left behind must not keep the process
    }
    run(Path.of(args[0]), List.of(args).subList(1, args.length));
    System.exit(0); // the broker leaves threads behind
  }

  /**
   * Trains commands as they will be started later.
   *
   * @param cache the file to write
   * @param java the JVM's options and class path as they will be
   * @throws IOException if there is no cache in the end
   */
  public static void run(Path cache, List<String> java) throws Exception {
    Path directory = Files.createTempDirectory("zcbot-training");
    try (EmbeddedBroker broker = EmbeddedBroker.start(directory.resolve("kafka"), 0);
        EngineStandIn engine = EngineStandIn.start();
        CommandStandIn _ = CommandStandIn.start(broker.bootstrapServers())) {
      Path log = directory.resolve("commands.log");
      List<String> command = new ArrayList<>();
      command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
      command.addAll(java);
      command.add("-XX:AOTCacheOutput=" + cache);
      command.add(CommandTraining.class.getName());
      Map<String, String> settings =
          Map.of(
              "DOCKER_HOST", engine.address(),
              "ZCBOT_KAFKA_BOOTSTRAP_SERVERS", broker.bootstrapServers(),
              "ZCBOT_TOPICS_PARTITIONS", "2",
              "ZCBOT_OPS_ADDRESS", "off",
              "ZCBOT_SANDBOX_WARM", "0",
              "ZCBOT_WORKER_ID", "training",
              "ZCBOT_HOST", "training",
              "ZCBOT_WORKSPACE_ROOT", directory.resolve("workspaces").toString());
      ProcessBuilder builder =
          new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile());
      builder.environment().keySet().removeIf(key -> key.startsWith("ZCBOT_"));
      builder.environment().putAll(settings);
      try (Worker worker = new Worker(WorkerConfig.fromEnvironment(settings))) {
        worker.start();
        train(builder.start(), cache, log);
      }
    } finally {
      Training.delete(directory);
    }
  }

  private static void train(Process commands, Path cache, Path log)
      throws IOException, InterruptedException {
    try {
      if (!commands.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS) || !Files.exists(cache)) {
        throw new IOException(
            "the JVM did not write a cache; the commands printed: " + Files.readString(log));
      }
    } finally {
      commands.destroyForcibly();
    }
  }
}
