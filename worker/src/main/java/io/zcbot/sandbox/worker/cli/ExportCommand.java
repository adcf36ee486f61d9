/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.worker.audit.log.Export;
import io.zcbot.sandbox.worker.audit.log.LogRecord;
import io.zcbot.sandbox.worker.audit.log.LogSource;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
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
  /** How many records are written before the next look at how it goes. */
  private static final int STEP = 256;

  private final CommandContext context;

  @Mixin private final LogOptions wanted = new LogOptions();

  @Option(
      names = {"-o", "--output"},
      paramLabel = "FILE",
      description =
          "The file to write (default: standard output). An existing file is replaced"
              + " once the export is complete.")
  private @Nullable Path output;

  ExportCommand(CommandContext context) {
    this.context = context;
  }

  @Override
  public Integer call() throws CommandException, InterruptedException {
    try (KafkaLog log = LogOptions.log(context.config().kafka());
        LogSource source = wanted.open(log)) {
      try {
        long records = export(source);
        if (output != null) {
          context.console().err().println("exported " + records + " records to " + output);
        }
        return ExitCode.OK;
      } catch (KafkaException e) {
        throw log.failed("read the topics", e);
      }
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

  /** Writes all records to the output; returns how many. */
  long export(LogSource source) throws IOException {
    Path path = output;
    if (path == null) {
      return export(source, context.console().out());
    }
    if (Files.exists(path) && !Files.isRegularFile(path)) {
      try (Writer pipe = Files.newBufferedWriter(path)) { // or a device
        return export(source, pipe);
      }
    }
    // A link stays: the file that it leads to is replaced.
    Path place = Files.exists(path) ? path.toRealPath() : path;
    try (NewFile file = new NewFile(place)) {
      create(file.temporary(), place);
      long records;
      try (Writer to = Files.newBufferedWriter(file.temporary(), StandardOpenOption.WRITE)) {
        records = export(source, to);
      }
      file.complete();
      return records;
    }
  }

  /** With the permissions of the file that it replaces: an export holds people's data. */
  private static void create(Path temporary, Path place) throws IOException {
    if (Files.exists(place)) {
      Set<PosixFilePermission> permissions = Files.getPosixFilePermissions(place);
      var _ = Files.createFile(temporary, PosixFilePermissions.asFileAttribute(permissions));
    } else {
      var _ = Files.createFile(temporary);
    }
  }

  private long export(LogSource source, Writer out) throws IOException {
    ReplayProgress progress = new ReplayProgress(context.console());
    long records = 0;
    try (Export export = new Export(out, source)) {
      for (LogRecord record = source.next(); record != null; record = source.next()) {
        export.write(record);
        if (++records % STEP == 0) {
          if (out instanceof PrintWriter printed && printed.checkError()) {
            return records; // nobody reads on, or the disk is full; told at the end of the command
          }
          progress.at(source.progress(), records);
        }
      }
      export.complete();
    } finally {
      progress.end();
    }
    return records;
  }
}
