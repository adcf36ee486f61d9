/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.worker.cli.terminal.StandardStreams;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import io.zcbot.sandbox.worker.engine.Engine;
import io.zcbot.sandbox.worker.engine.EngineView;
import io.zcbot.sandbox.worker.ops.Logging;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Supplier;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.jspecify.annotations.Nullable;

/**
 * Dependencies of the commands. Settings are read and logging is configured only when a command
 * asks for them, so that help and usage errors need neither.
 */
final class CommandContext {
  private final Console console;
  private final GlobalOptions options;
  private final Function<WorkerConfig, Engine> engines;
  private final Function<WorkerConfig, EngineView> views;
  private final Supplier<StandardStreams> streams;

  CommandContext(
      Console console,
      GlobalOptions options,
      Function<WorkerConfig, Engine> engines,
      Function<WorkerConfig, EngineView> views,
      Supplier<StandardStreams> streams) {
    this.console = console;
    this.options = options;
    this.engines = engines;
    this.views = views;
    this.streams = streams;
  }

  /** Returns the standard streams as bytes, for commands that pass on others' input and output. */
  StandardStreams streams() {
    return streams.get();
  }

  Console console() {
    return console;
  }

  boolean isVerbose() {
    return options.isVerbose();
  }

  /** Configures logging and returns the settings. */
  WorkerConfig config() throws CommandException {
    return configOf(null);
  }

  /** As {@link #config()}, with another worker's id; null for that of the settings. */
  WorkerConfig configOf(@Nullable String worker) throws CommandException {
    return configWith(worker == null ? Map.of() : Map.of("ZCBOT_WORKER_ID", worker));
  }

  /** As {@link #config()}, with other values of some settings. */
  WorkerConfig configWith(Map<String, String> others) throws CommandException {
    Logging.configureForCommand(isVerbose());
    Map<String, String> settings = new HashMap<>(settings());
    settings.putAll(others);
    return Cli.config(settings);
  }

  /** The environment, in which an option replaces the variable of the same meaning. */
  private Map<String, String> settings() {
    String servers = options.bootstrapServers();
    if (servers == null) {
      return console.env();
    }
    Map<String, String> settings = new HashMap<>(console.env());
    settings.put("ZCBOT_KAFKA_BOOTSTRAP_SERVERS", servers);
    return settings;
  }

  /** Returns access to Kafka, for commands that need no other settings. The caller closes it. */
  KafkaLog log() throws CommandException {
    return new KafkaLog(config().kafka());
  }

  /**
   * Publishes an event and prints that it is published.
   *
   * @param json whether the event itself is printed instead
   * @return the exit code
   */
  int publish(KafkaLog log, SandboxEvent event, boolean json)
      throws CommandException, InterruptedException {
    RecordMetadata at = log.publish(event);
    String name = event.topic().name().toLowerCase(Locale.ROOT);
    console
        .out()
        .println(
            json ? JsonText.of(event) : "published " + name + " " + event.eventId() + " at " + at);
    return ExitCode.OK;
  }

  Engine engine(WorkerConfig config) {
    return engines.apply(config);
  }

  /** Returns a view of the engine for commands that only look. The caller closes it. */
  EngineView engineView(WorkerConfig config) {
    return views.apply(config);
  }
}
