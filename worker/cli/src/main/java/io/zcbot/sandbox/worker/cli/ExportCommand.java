/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.worker.audit.log.Export;
import io.zcbot.sandbox.worker.audit.log.LogRecord;
import io.zcbot.sandbox.worker.audit.log.LogSource;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.Writer;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.concurrent.Callable;
import org.apache.kafka.common.KafkaException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The command {@code export}: writes the topics' records to a file that the audit can read. */
@Command(
    name = "export",
    description = "Write the records of all topics as JSON lines, for 'audit --input'.")
final class ExportCommand implements Callable<Integer> {
  /** Records between two notes of the progress. */
  private static final int STEP = 256;

  private final CommandContext context;

  @Mixin private final LogOptions wanted = new LogOptions();

  @Option(
      names = {"-o", "--output"},
      paramLabel = "FILE",
      description =
          "The file to write (default: standard output). An existing file is replaced"
              + " once the export is complete, or written over if it is another user's or its"
              + " directory can't be written.")
  private @Nullable Path output;

  ExportCommand(CommandContext context) {
    this.context = context;
  }

  @Override
  public Integer call() throws CommandException, InterruptedException {
    try (KafkaLog log = LogOptions.log(context.config().kafka());
        LogSource source = wanted.open(log, context.console().err())) {
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

  /** Writes all records to the output; returns their number. */
  long export(LogSource source) throws IOException {
    Path path = output;
    if (path == null) {
      return export(source, context.console().out());
    }
    if (Files.exists(path) && !Files.isRegularFile(path)) {
      return exportInto(path, source); // a pipe or a device
    }
    Path target = NewFile.behindLinks(path);
    try (NewFile file = new NewFile(target)) {
      if (!create(file.temporary(), target)) {
        return exportInto(target, source);
      }
      long records;
      try (Writer to = Files.newBufferedWriter(file.temporary(), StandardOpenOption.WRITE)) {
        records = export(source, to);
      }
      complete(file, target);
      return records;
    }
  }

  private long exportInto(Path path, LogSource source) throws IOException {
    try (Writer to = Files.newBufferedWriter(path)) {
      return export(source, to);
    }
  }

  /**
   * Creates the temporary file that replaces an existing export, with the same permissions, because
   * an export has users' data.
   *
   * @return false if the existing file must be written over instead: its directory is not writable,
   *     or a new file would have another owner or group
   */
  private static boolean create(Path temporary, Path target) throws IOException {
    if (!Files.exists(target)) {
      var _ = Files.createFile(temporary);
      return true;
    }
    if (!Files.isWritable(target.resolveSibling("."))) {
      return false;
    }
    PosixFileAttributes old = Files.readAttributes(target, PosixFileAttributes.class);
    var _ = Files.createFile(temporary, PosixFilePermissions.asFileAttribute(old.permissions()));
    PosixFileAttributes created = Files.readAttributes(temporary, PosixFileAttributes.class);
    if (!created.owner().equals(old.owner()) || !created.group().equals(old.group())) {
      return false;
    }
    // again, because the umask may have removed some
    var _ = Files.setPosixFilePermissions(temporary, old.permissions());
    return true;
  }

  /**
   * Moves the export into place. If that is not possible, for example because a file is mounted
   * there, copies the content into the existing file.
   */
  private static void complete(NewFile file, Path target) throws IOException {
    try {
      file.complete();
    } catch (FileSystemException e) {
      try (InputStream from = Files.newInputStream(file.temporary());
          OutputStream to = Files.newOutputStream(target)) {
        var _ = from.transferTo(to);
      } catch (IOException again) {
        file.keep();
        e.addSuppressed(again);
        throw new IOException("the export is complete in " + file.temporary() + "; " + e, e);
      }
    }
  }

  private long export(LogSource source, Writer out) throws IOException {
    ReplayProgress progress = new ReplayProgress(context.console());
    long records = 0;
    try (Export export = new Export(out, source)) {
      for (LogRecord record = source.next(); record != null; record = source.next()) {
        export.write(record);
        if (++records % STEP == 0) {
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
