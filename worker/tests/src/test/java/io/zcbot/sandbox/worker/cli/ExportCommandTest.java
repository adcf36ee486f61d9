/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.audit.log.Coverage;
import io.zcbot.sandbox.worker.audit.log.LogRecord;
import io.zcbot.sandbox.worker.audit.log.LogSource;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemLoopException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.errors.TimeoutException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

class ExportCommandTest {
  @TempDir private Path dir;
  private final StringWriter out = new StringWriter();

  /** The given number of records, after which Kafka is unavailable or the log ends. */
  private static class Records implements LogSource {
    private final int count;
    private final boolean fails;
    private int read;

    Records(int count, boolean fails) {
      this.count = count;
      this.fails = fails;
    }

    @Override
    public LogRecord next() {
      if (read < count) {
        return new LogRecord(
            Topic.ENSURE, new ConsumerRecord<>("sandbox.ensure", 0, read++, null, new byte[100]));
      }
      if (fails) {
        throw new TimeoutException("nobody answers");
      }
      return null;
    }

    @Override
    public Coverage coverage() {
      return Coverage.ever();
    }

    @Override
    public Instant end() {
      return Instant.EPOCH;
    }

    @Override
    public String topicPrefix() {
      return "sandbox.";
    }

    @Override
    public double progress() {
      return 0;
    }

    @Override
    public void close() {}
  }

  private static ExportCommand command(PrintWriter out, String... args) {
    Console console = new Console(Map.of(), out, new PrintWriter(new StringWriter()), false);
    ExportCommand command =
        new ExportCommand(
            new CommandContext(
                console,
                () -> false,
                _ -> {
                  throw new AssertionError("an export needs no engine");
                },
                _ -> {
                  throw new AssertionError("an export needs no engine");
                },
                () -> {
                  throw new AssertionError("an export prints text");
                }));
    var _ = new CommandLine(command).parseArgs(args);
    return command;
  }

  private ExportCommand to(Path file) {
    return command(new PrintWriter(out), "-o", file.toString());
  }

  @Test
  void anExportThatFailsLeavesTheFileAsItWas() throws Exception {
    Path file = Files.writeString(dir.resolve("log.jsonl"), "the last export");
    ExportCommand command = to(file);
    assertThatThrownBy(() -> command.export(new Records(3, true)))
        .isInstanceOf(TimeoutException.class);
    assertThat(file).hasContent("the last export");
    assertThat(dir.toFile().list()).hasSize(1);
  }

  @Test
  void anExportReplacesTheFileAndSaysThatItIsComplete() throws Exception {
    Path file = Files.writeString(dir.resolve("log.jsonl"), "the last export");
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
    Path link = Files.createSymbolicLink(dir.resolve("link"), file);
    assertThat(to(link).export(new Records(3, false))).isEqualTo(3);
    assertThat(Files.readAllLines(file))
        .hasSize(5)
        .last()
        .isEqualTo("{\"format\":\"sandbox-export-1\",\"complete\":true}");
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
        .isEqualTo("rw-------");
    assertThat(link).isSymbolicLink();
    assertThat(dir.toFile().list()).hasSize(2);
  }

  @Test
  void whatIsNoFileIsWrittenTo() throws Exception {
    Path pipe = dir.resolve("pipe");
    Process mkfifo = new ProcessBuilder("mkfifo", pipe.toString()).start();
    assertThat(mkfifo.waitFor(60, TimeUnit.SECONDS)).isTrue();
    FutureTask<List<String>> reader = new FutureTask<>(() -> Files.readAllLines(pipe));
    FutureTask<Long> writer = new FutureTask<>(() -> to(pipe).export(new Records(3, false)));
    Thread.ofPlatform().daemon().start(reader);
    Thread.ofPlatform().daemon().start(writer);
    assertThat(writer.get(60, TimeUnit.SECONDS)).isEqualTo(3);
    assertThat(Files.isRegularFile(pipe)).as("the pipe was replaced by a file").isFalse();
    assertThat(reader.get(60, TimeUnit.SECONDS)).hasSize(5);
  }

  /** Another owner's file, as root; else one in a directory that takes no new file. */
  @Test
  void aFileThatANewOneWouldNotBeLikeIsWrittenTo() throws Exception {
    Path place = Files.createDirectory(dir.resolve("place"));
    Path file = Files.writeString(place.resolve("log.jsonl"), "the last export");
    boolean isRoot = Files.getAttribute(file, "unix:uid").equals(0);
    if (isRoot) {
      Files.setAttribute(file, "unix:uid", 12_345);
    } else {
      Files.setPosixFilePermissions(place, PosixFilePermissions.fromString("r-x------"));
    }
    try {
      Object before = Files.getAttribute(file, "unix:ino");
      assertThat(to(file).export(new Records(3, false))).isEqualTo(3);
      assertThat(Files.getAttribute(file, "unix:ino")).isEqualTo(before);
      assertThat(file).content().endsWith("\"complete\":true}\n");
      assertThat(place.toFile().list()).hasSize(1);
    } finally {
      Files.setPosixFilePermissions(place, PosixFilePermissions.fromString("rwx------"));
    }
  }

  @Test
  void theFileThatReplacesAnotherHasItsPermissionsWhateverTheUmaskIs() throws Exception {
    Path file = Files.writeString(dir.resolve("log.jsonl"), "the last export");
    Set<PosixFilePermission> permissions = PosixFilePermissions.fromString("rw-rw-rw-");
    Files.setPosixFilePermissions(file, permissions);
    assertThat(to(file).export(new Records(3, false))).isEqualTo(3);
    assertThat(Files.getPosixFilePermissions(file)).isEqualTo(permissions);
  }

  @Test
  void aLinkLeadsToTheFileThatIsCreated() throws Exception {
    Path place = Files.createDirectory(dir.resolve("place"));
    Path second = Files.createSymbolicLink(dir.resolve("second"), Path.of("place/log.jsonl"));
    Path first = Files.createSymbolicLink(dir.resolve("first"), second);
    assertThat(to(first).export(new Records(3, false))).isEqualTo(3);
    assertThat(first).isSymbolicLink();
    assertThat(second).isSymbolicLink();
    assertThat(Files.readAllLines(place.resolve("log.jsonl"))).hasSize(5);
    Path loop = Files.createSymbolicLink(dir.resolve("loop"), Path.of("loop"));
    assertThatThrownBy(() -> to(loop).export(new Records(3, false)))
        .isInstanceOf(FileSystemLoopException.class);
    assertThat(loop).isSymbolicLink();
  }

  @Test
  void anExportThatCanNotBePutIntoItsPlaceIsKept() {
    Path file = dir.resolve("log.jsonl");
    LogSource source =
        new Records(3, false) {
          @Override
          public Instant end() {
            var _ = file.resolve("in-the-way").toFile().mkdirs();
            return super.end();
          }
        };
    assertThatThrownBy(() -> to(file).export(source))
        .hasMessageContaining("the export is complete in " + dir + "/.sandbox-cp.");
    assertThat(dir).isDirectoryContaining("glob:**/.sandbox-cp.*");
  }

  @Test
  void anExportThatFailsDoesNotSayThatItIsComplete() {
    ExportCommand command = command(new PrintWriter(out));
    assertThatThrownBy(() -> command.export(new Records(3, true)))
        .isInstanceOf(TimeoutException.class);
    assertThat(out.toString().lines()).hasSize(4).noneMatch(line -> line.contains("complete"));
  }

  /** As with {@code sandbox export | head -1}. */
  @Test
  void anExportThatNobodyReadsEnds() throws Exception {
    OutputStream closed =
        new OutputStream() {
          @Override
          public void write(int b) throws IOException {
            throw new IOException("Broken pipe");
          }
        };
    PrintStream stream = new PrintStream(closed, false, StandardCharsets.UTF_8);
    ExportCommand command = command(new PrintWriter(stream, true, StandardCharsets.UTF_8));
    Records records = new Records(1_000_000, false);
    assertThatThrownBy(() -> command.export(records)).isInstanceOf(OutputLostException.class);
    assertThat(records.read).isLessThan(10_000);
  }
}
