/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.worker.audit.log.Export;
import io.zcbot.sandbox.worker.audit.log.LogRecord;
import io.zcbot.sandbox.worker.audit.log.LogSource;
import java.io.IOException;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.apache.kafka.common.KafkaException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Writes the topics' records to a file that the audit can read. */
@Command(
    name = "export",
    description = "Write the records of all topics as JSON lines, for 'audit --input'.")
final class ExportCommand implements Callable<Integer> {
  private static final int BATCH = 4096;

  private final CommandContext context;

  @Mixin private final LogOptions wanted = new LogOptions();

  @Option(
      names = {"-o", "--output"},
      paramLabel = "FILE",
      description = "The file to write (default: standard output). An existing file is replaced.")
  private @Nullable Path output;

  ExportCommand(CommandContext context) {
    this.context = context;
  }

  @Override
  public Integer call() throws CommandException, InterruptedException {
    try (KafkaLog log = LogOptions.log(context.config().kafka());
        LogSource source = wanted.open(log)) {
      long records = export(log, source);
      if (output != null) {
        context.console().err().println("exported " + records + " records to " + output);
      }
      return ExitCode.OK;
    } catch (IOException e) {
      throw new CommandException(
          ExitCode.FAILED,
          "could not write the export to "
              + (output == null ? "standard output" : output)
              + ": "
              + e
              + "; check the directory and the free disk space",
          e);
    }
  }

  private long export(KafkaLog log, LogSource source) throws IOException, CommandException {
    Path path = output;
    if (path == null) {
      return export(log, source, context.console().out());
    }
    try (Writer file = Files.newBufferedWriter(path)) {
      return export(log, source, file);
    }
  }

  private long export(KafkaLog log, LogSource source, Writer out)
      throws IOException, CommandException {
    ReplayProgress progress = new ReplayProgress(context.console());
    long records = 0;
    try (Export export = new Export(out, source)) {
      for (LogRecord record = next(log, source); record != null; record = next(log, source)) {
        export.write(record);
        if (++records % BATCH == 0) {
          progress.at(source.progress(), records);
        }
      }
    } finally {
      progress.end();
    }
    return records;
  }

  private static @Nullable LogRecord next(KafkaLog log, LogSource source)
      throws IOException, CommandException {
    try {
      return source.next();
    } catch (KafkaException e) {
      throw log.failed("read the topics", e);
    }
  }
}
