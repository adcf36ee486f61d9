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
import java.util.Locale;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.function.Supplier;
import org.apache.kafka.clients.producer.RecordMetadata;

/** What commands share. Settings are read, and logs set up, only when a command asks for them. */
final class CommandContext {
  private final Console console;
  private final BooleanSupplier verbose;
  private final Function<WorkerConfig, Engine> engines;
  private final Function<WorkerConfig, EngineView> views;
  private final Supplier<StandardStreams> streams;

  CommandContext(
      Console console,
      BooleanSupplier verbose,
      Function<WorkerConfig, Engine> engines,
      Function<WorkerConfig, EngineView> views,
      Supplier<StandardStreams> streams) {
    this.console = console;
    this.verbose = verbose;
    this.engines = engines;
    this.views = views;
    this.streams = streams;
  }

  /** The standard streams as bytes, for commands that pass on what others read and write. */
  StandardStreams streams() {
    return streams.get();
  }

  Console console() {
    return console;
  }

  boolean isVerbose() {
    return verbose.getAsBoolean();
  }

  /** The settings of the environment. */
  WorkerConfig config() throws CommandException {
    Logging.configureForCommand(isVerbose());
    return Cli.config(console.env());
  }

  /** Kafka, for commands that need no other settings. */
  KafkaLog log() throws CommandException {
    return new KafkaLog(config().kafka());
  }

  /**
   * Publishes an event and says so.
   *
   * @param json whether to print the event itself
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

  /** The same for commands that only look. */
  EngineView engineView(WorkerConfig config) {
    return views.apply(config);
  }
}
