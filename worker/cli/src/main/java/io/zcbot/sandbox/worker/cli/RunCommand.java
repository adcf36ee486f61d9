/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.worker.config.WorkerConfig;
import io.zcbot.sandbox.worker.ops.Logging;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;

/** The command {@code run}: runs this host's worker. */
@Command(name = "run", description = "Run this host's worker until SIGTERM or Ctrl-C.")
final class RunCommand implements Callable<Integer> {
  /**
   * The heap that suffices without an attack. Its maximum in {@code jvm.options} is for all that
   * users can fill at once.
   */
  static final long USUAL_HEAP_BYTES = 88L << 20;

  private final CommandContext context;

  RunCommand(CommandContext context) {
    this.context = context;
  }

  @Override
  public Integer call() throws CommandException {
    WorkerConfig config = context.config();
    Logging.configure(config.ops().log);
    try (HeapWatch _ = HeapWatch.start(USUAL_HEAP_BYTES)) {
      return WorkerProcess.run(config, () -> {}, () -> {});
    }
  }
}
