/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.worker.config.WorkerConfig;
import io.zcbot.sandbox.worker.engine.Engine;
import io.zcbot.sandbox.worker.ops.Logging;
import java.util.function.BooleanSupplier;
import java.util.function.Function;

/** What commands share. Settings are read, and logs set up, only when a command asks for them. */
final class CommandContext {
  private final Console console;
  private final BooleanSupplier verbose;
  private final Function<WorkerConfig, Engine> engines;

  CommandContext(Console console, BooleanSupplier verbose, Function<WorkerConfig, Engine> engines) {
    this.console = console;
    this.verbose = verbose;
    this.engines = engines;
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

  Engine engine(WorkerConfig config) {
    return engines.apply(config);
  }
}
