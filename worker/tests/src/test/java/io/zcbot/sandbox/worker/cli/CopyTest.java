/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchException;
import static org.assertj.core.api.Assumptions.assumeThat;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.client.Command;
import io.zcbot.sandbox.client.PlayedLog;
import io.zcbot.sandbox.client.SandboxFiles;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.cli.terminal.StandardStreams;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.io.PrintWriter;
import java.io.RandomAccessFile;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Copies between two directories, one of which stands for a sandbox: the commands of the copy run
 * there.
 */
class CopyTest {
  private static final long MUCH = 1L << 30;

  /** What one command of the client library reads or writes. */
  private static final int PIECE = 4 << 20;

  private final UserId user = new UserId(UUID.randomUUID());
  private final CopyProgress progress =
      new CopyProgress(new PrintWriter(new StringWriter()), false, System::nanoTime);
  @TempDir private Path root;
  private Path here;
  private Path sandbox;
  private LocalCommands log;
  private PlayedLog client;
  private CopiedSandbox files;

  @BeforeEach
  void start() throws IOException {
    here = Files.createDirectory(root.resolve("here"));
    sandbox = Files.createDirectory(root.resolve("sandbox"));
    log = new LocalCommands(sandbox);
    client = new PlayedLog(PassingLog.player(log));
    files = new CopiedSandbox(client.sandbox(user).files(), new Stop());
  }

  @AfterEach
  void nothingIsLeft() throws IOException {
    client.close();
    log.close();
    try (Stream<Path> all = Files.walk(root)) {
      assertThat(all.map(Path::toString))
          .noneMatch(path -> path.matches(".*/\\.(sandbox-cp|zcbot-write).*"));
    }
  }

  private Upload upload(String target) {
    return new Upload(files, progress, target);
  }

  private Download download(String source) {
    return new Download(files, progress, MUCH, new CopyPath.InSandbox(user, source));
  }

  /** What a user is told. */
  private static String reported(String action, ThrowingCallable copy) {
    return CopyCommand.failure(catchException(copy), action).getMessage();
  }

  private byte[] big() {
    byte[] bytes = new byte[2 * PIECE + 17];
    new Random(2).nextBytes(bytes);
    return bytes;
  }

  private static StandardStreams streams(InputStream in, ByteArrayOutputStream out) {
    return new StandardStreams(in, out, new ByteArrayOutputStream(), false, false, false);
  }

  private static List<String> names(Path directory) throws IOException {
    try (Stream<Path> all = Files.walk(directory)) {
      return all.filter(path -> !path.equals(directory))
          .map(path -> directory.relativize(path).toString())
          .sorted()
          .toList();
    }
  }

  @Test
  void aFileOfSeveralPiecesGoesInAndOut() throws Exception {
    Path file = Files.write(here.resolve("a b'$x"), big());
    Files.writeString(sandbox.resolve("copy"), "is replaced");

    assertThat(upload("copy").of(file)).isZero();
    assertThat(sandbox.resolve("copy")).hasBinaryContent(big());
    assertThat(download("copy").to(here.resolve("back"))).isZero();
    assertThat(here.resolve("back")).hasBinaryContent(big());
    assertThat(Files.isExecutable(here.resolve("back"))).isFalse();
  }

  @Test
  void anEmptyFileAndAProgramStayWhatTheyAre() throws Exception {
    Path empty = Files.createFile(here.resolve("empty"));
    Path program = Files.writeString(here.resolve("program"), "#!/bin/sh\n");
    assertThat(program.toFile().setExecutable(true)).isTrue();

    assertThat(upload(".").of(empty)).isZero();
    assertThat(upload(".").of(program)).isZero();
    assertThat(sandbox.resolve("empty")).isEmptyFile();
    assertThat(Files.isExecutable(sandbox.resolve("program"))).isTrue();

    Path back = Files.createDirectory(here.resolve("back"));
    assertThat(download("empty").to(back)).isZero();
    assertThat(download("program").to(back)).isZero();
    assertThat(back.resolve("empty")).isEmptyFile();
    assertThat(Files.isExecutable(back.resolve("program"))).isTrue();
  }

  @Test
  void namesThatLookLikeOptionsAreNames() throws Exception {
    Path file = Files.writeString(here.resolve("-rf"), "x");
    assertThat(upload("./-n").of(file)).isZero();
    assertThat(upload(".").of(file)).isZero();
    assertThat(names(sandbox)).containsExactly("-n", "-rf");
    assertThat(download("-rf").to(here.resolve("back"))).isZero();
    assertThat(here.resolve("back")).hasContent("x");
  }

  @Test
  void aDirectoryGoesInAndOut() throws Exception {
    Path source = Files.createDirectories(here.resolve("project/src"));
    Files.writeString(source.resolve("main.py"), "print(42)");
    Files.write(here.resolve("project/data"), big());
    Files.createSymbolicLink(here.resolve("project/link"), Path.of("/etc/passwd"));

    assertThat(upload(".").of(here.resolve("project"))).isEqualTo(1);
    assertThat(names(sandbox))
        .containsExactly("project", "project/data", "project/src", "project/src/main.py");
    assertThat(sandbox.resolve("project/data")).hasBinaryContent(big());

    Files.createSymbolicLink(sandbox.resolve("project/evil"), Path.of("/etc"));
    assertThat(download("project/").to(here.resolve("back"))).isEqualTo(1);
    assertThat(names(here.resolve("back"))).containsExactly("data", "src", "src/main.py");
  }

  @Test
  void aDirectoryReplacesNothing() throws Exception {
    Files.createDirectories(here.resolve("d"));
    Files.createDirectories(sandbox.resolve("d"));
    assertThat(reported("write", () -> upload(".").of(here.resolve("d"))))
        .contains("could not write '.' in the sandbox: it exists already");
    assertThatThrownBy(() -> download("d").to(here))
        .hasMessageContaining(here.resolve("d").toString());
  }

  @Test
  void whatIsNoFileIsNotReplacedByOne() throws Exception {
    Files.writeString(sandbox.resolve("file"), "x");
    Path pipe = here.resolve("pipe");
    Process mkfifo = new ProcessBuilder("mkfifo", pipe.toString()).start();
    assertThat(mkfifo.waitFor(60, TimeUnit.SECONDS)).isTrue();
    Path link = Files.createSymbolicLink(here.resolve("link"), pipe);

    for (Path target : List.of(pipe, link)) {
      assertThatThrownBy(() -> download("file").to(target))
          .hasMessageContaining(target + " is neither a file nor a directory")
          .hasMessageContaining("write '-'");
    }
    assertThat(Files.readAttributes(pipe, BasicFileAttributes.class).isOther()).isTrue();
    assertThat(link).isSymbolicLink();
  }

  /** As of '/dev/stdout'. */
  @Test
  void aLinkStaysAndItsFileIsReplaced() throws Exception {
    Files.writeString(sandbox.resolve("file"), "new");
    Path elsewhere = Files.createDirectory(here.resolve("elsewhere"));
    Path target = Files.writeString(elsewhere.resolve("target"), "old");
    Path link = Files.createSymbolicLink(here.resolve("link"), target);

    assertThat(download("file").to(link)).isZero();
    assertThat(link).isSymbolicLink();
    assertThat(target).hasContent("new");
    assertThat(names(here)).containsExactly("elsewhere", "elsewhere/target", "link");
  }

  @Test
  void aNameMayHaveTheCharacterThatStandsForNoText() throws Exception {
    Path source = Files.createDirectory(here.resolve("d"));
    Files.writeString(source.resolve("a\ufffd"), "x");
    assertThat(upload(".").of(source)).isZero();
    assertThat(names(sandbox)).containsExactly("d", "d/a\ufffd");
  }

  /** Two of them would become one file. */
  @Test
  void aNameThatIsNoTextHereIsRefused() throws Exception {
    Path source = Files.createDirectory(here.resolve("d"));
    Files.writeString(source.resolve("\ufffd"), "x");
    Process touch =
        new ProcessBuilder("sh", "-c", ": > \"$(printf '\\377')\"")
            .directory(source.toFile())
            .start();
    assertThat(touch.waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(names(source)).hasSize(2);
    assertThatThrownBy(() -> upload(".").of(source))
        .hasMessageContaining("is not text in")
        .hasMessageContaining("rename it");
    assertThat(sandbox).isEmptyDirectory();
  }

  @Test
  void standardStreamsAreCopied() throws Exception {
    assertThat(upload("file").of(new ByteArrayInputStream(big()))).isZero();
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    assertThat(download("file").to(streams(InputStream.nullInputStream(), out))).isZero();
    assertThat(out.toByteArray()).isEqualTo(big());
    assertThatThrownBy(() -> upload(".").of(InputStream.nullInputStream()))
        .hasMessageContaining("is a directory");
  }

  @Test
  void aTerminalObeysNothingOfAFile() throws Exception {
    Files.writeString(sandbox.resolve("hostile"), "\u001b[2J\u009b6n\n");
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    StandardStreams terminal =
        new StandardStreams(
            InputStream.nullInputStream(), out, new ByteArrayOutputStream(), false, true, false);
    assertThat(download("hostile").to(terminal)).isZero();
    assertThat(out).hasToString("\\x1b[2J\\x9b6n\n");
  }

  @Test
  void whatIsNotThereIsReported() {
    assertThat(reported("read", () -> download("nothing").to(here.resolve("x"))))
        .isEqualTo(
            "could not read 'nothing' in the sandbox: there is no such file or directory; check the"
                + " path, which begins in /workspace if it is relative");
    assertThat(reported("write", () -> upload("no/such/place").of(InputStream.nullInputStream())))
        .startsWith(
            "could not write 'no/such/place' in the sandbox: there is no such file or directory;");
    // even root may not make a file there
    assertThatThrownBy(() -> upload("/sys/x").of(InputStream.nullInputStream()))
        .hasMessageContaining("is not permitted to do that there");
    assertThatThrownBy(() -> upload(".").of(here.resolve("nothing")))
        .isInstanceOf(IOException.class);
    assertThat(here.resolve("x")).doesNotExist();
  }

  @Test
  void nothingBiggerThanTheLimitIsCopiedOut() throws Exception {
    Files.write(sandbox.resolve("big"), big());
    Download limited = new Download(files, progress, 1000, new CopyPath.InSandbox(user, "big"));
    assertThatThrownBy(() -> limited.to(here.resolve("x"))).hasMessageContaining("--max-size");
    Download whole = new Download(files, progress, 1000, new CopyPath.InSandbox(user, "."));
    assertThatThrownBy(() -> whole.to(here.resolve("x"))).hasMessageContaining("--max-size");
    assertThat(names(here)).isEmpty();
  }

  @Test
  void aSourceThatEndsEarlyLeavesNothing() {
    assertThatThrownBy(() -> upload("file").of(endsEarly())).hasMessage("cable pulled");
    assertThat(sandbox).isEmptyDirectory();
  }

  private static InputStream endsEarly() {
    return new InputStream() {
      private int left = PIECE + 1;

      @Override
      public int read() throws IOException {
        if (left == 0) {
          throw new IOException("cable pulled");
        }
        left--;
        return 'x';
      }
    };
  }

  @Test
  void aDirectoryIsCopiedWhileACommandWritesToIt() throws Exception {
    Path busy = Files.createDirectory(sandbox.resolve("busy"));
    Files.write(busy.resolve("log"), new byte[8 << 20]);
    Process writer =
        new ProcessBuilder("sh", "-c", "while :; do echo line >> log; done")
            .directory(busy.toFile())
            .start();
    try {
      assertThat(download("busy").to(here.resolve("back"))).isZero();
    } finally {
      writer.destroyForcibly().waitFor();
    }
    assertThat(here.resolve("back/log")).exists();
  }

  @Test
  void bothNamesOfAFileAreCopied() throws Exception {
    Path one = Files.writeString(Files.createDirectory(sandbox.resolve("d")).resolve("one"), "x");
    Files.createLink(sandbox.resolve("d/two"), one);
    assertThat(download("d").to(here.resolve("back"))).isZero();
    assertThat(here.resolve("back/one")).hasContent("x");
    assertThat(here.resolve("back/two")).hasContent("x");
  }

  /** Memory is scarce in a sandbox. */
  @Test
  void aBigDirectoryIsNotPackedIntoMemory() throws Exception {
    assumeThat(Path.of("/workspace")).as("where it is packed instead").doesNotExist();
    Path big = Files.createDirectory(sandbox.resolve("d")).resolve("big");
    try (RandomAccessFile file = new RandomAccessFile(big.toFile(), "rw")) {
      file.setLength(33 << 20);
    }
    assertThatThrownBy(() -> download("d").to(here.resolve("back")))
        .hasMessageContaining("/workspace/");
  }

  /** A user may have made it of nothing: a sparse file, say, has any size. */
  @Test
  void aDirectoryIsPackedUpToTheLimitOnly() throws Exception {
    Path big = Files.createDirectory(sandbox.resolve("d")).resolve("big");
    try (RandomAccessFile file = new RandomAccessFile(big.toFile(), "rw")) {
      file.setLength(1L << 40);
    }
    Download limited = new Download(files, progress, 1 << 20, new CopyPath.InSandbox(user, "d"));
    assertThatThrownBy(() -> limited.to(here.resolve("back")))
        .hasMessageContaining("an archive of it has more than 1025 KiB", "--max-size");
    assertThat(names(here)).isEmpty();
  }

  @Test
  void packingThatTakesTooLongLeavesNothing() throws Exception {
    Path programs = Files.createDirectory(root.resolve("bin"));
    Path tar = programs.resolve("tar");
    Path asked = root.resolve("asked");
    Files.writeString(tar, "#!/bin/sh\necho \"$@\" >> " + asked + "; exec sleep 600\n");
    assertThat(tar.toFile().setExecutable(true)).isTrue();
    Command look =
        SandboxFiles.script(CopiedSandbox.LOOK, sandbox.toString(), "100", "1", ".sandbox-cp.x")
            .env("PATH", programs + ":" + System.getenv("PATH"));

    assertThatThrownBy(() -> client.sandbox(user).files().run("read", "d", look))
        .hasMessageContaining("it takes too long to pack");

    assertThat(Files.readAllLines(asked)).hasSize(1);
    String archive = Files.readString(asked).replaceFirst("(?s).* -cf (\\S+) .*", "$1");
    assertThat(Path.of(archive)).isAbsolute().doesNotExist();
  }

  /** The log of a copy that it can stop. */
  private class StopLog extends PassingLog implements AutoCloseable {
    final Stop stop;
    final PlayedLog client = new PlayedLog(player(this));
    final CopiedSandbox files;

    StopLog(Duration patience) {
      super(log);
      stop = new Stop(patience);
      files = new CopiedSandbox(client.sandbox(user).files(), stop);
    }

    @Override
    public void close() {
      stop.close();
      client.close();
    }
  }

  /** A log that stops the copy after its N-th command. */
  private class StoppingLog extends StopLog {
    private int left;

    StoppingLog(int commands) {
      super(Duration.ofSeconds(60));
      left = commands;
    }

    @Override
    public void publish(SandboxEvent event) throws CommandException {
      super.publish(event);
      if (event instanceof Exec) {
        left--;
        if (left == 0) {
          stop.now(130);
        }
      }
    }
  }

  private List<List<String>> commands() {
    return log.published.stream()
        .filter(Exec.class::isInstance)
        .map(event -> ((Exec) event).program().arguments())
        .toList();
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3})
  void aStoppedUploadLeavesNothing(int command) throws Exception {
    try (StoppingLog stopping = new StoppingLog(command)) {
      Upload upload = new Upload(stopping.files, progress, "file");
      assertThatThrownBy(() -> upload.of(new ByteArrayInputStream(big())));
      assertThat(stopping.stop.code()).isEqualTo(130);
    }
    assertThat(sandbox).isEmptyDirectory();
    // Nothing but the removal of what the first one made.
    assertThat(commands().stream().skip(command)).allMatch(a -> a.getFirst().equals("rm"));
  }

  @Test
  void aStoppedDownloadRemovesItsArchive() throws Exception {
    Files.write(Files.createDirectory(sandbox.resolve("d")).resolve("big"), big());
    try (StoppingLog stopping = new StoppingLog(2)) {
      Download download =
          new Download(stopping.files, progress, MUCH, new CopyPath.InSandbox(user, "d"));
      assertThatThrownBy(() -> download.to(here.resolve("back")));
    }
    assertThat(here).isEmptyDirectory();
    assertThat(commands()).hasSize(3);
    assertThat(commands().getLast()).startsWith("rm");
    assertThat(commands().getLast().subList(3, 5))
        .allSatisfy(archive -> assertThat(Path.of(archive)).isAbsolute().doesNotExist());
  }

  /** As of a copy that waits for somebody to type. */
  @Test
  void aStopInterruptsAWaitForInput() throws Exception {
    try (StopLog stopping = new StopLog(Duration.ofSeconds(60));
        PipedInputStream in = new PipedInputStream();
        PipedOutputStream typed = new PipedOutputStream(in)) {
      InputStream waiting =
          new InputStream() {
            @Override
            public int read() throws IOException {
              stopping.stop.now(143);
              return in.read();
            }
          };
      Upload upload = new Upload(stopping.files, progress, "file");
      assertThatThrownBy(() -> upload.of(new InterruptibleInput(waiting)))
          .isInstanceOf(InterruptedIOException.class);
      typed.write('x');
    }
    assertThat(Thread.interrupted()).isFalse();
    assertThat(sandbox).isEmptyDirectory();
  }

  /** A command may end by itself just as it is stopped, and the one that begins a copy does. */
  @Test
  void aStopDuringACommandThatSucceedsEndsTheWaitForInput() throws Exception {
    try (StopLog stopping =
            new StopLog(Duration.ofSeconds(60)) {
              @Override
              public List<SandboxEvent> poll(Duration atMost) {
                List<SandboxEvent> events = super.poll(atMost);
                if (events.stream().anyMatch(Exited.class::isInstance)) {
                  stop.now(143);
                }
                return events;
              }
            };
        PipedInputStream in = new PipedInputStream();
        PipedOutputStream typed = new PipedOutputStream(in)) {
      Upload upload = new Upload(stopping.files, progress, "file");
      assertThatThrownBy(() -> upload.of(new InterruptibleInput(in)))
          .isInstanceOfAny(InterruptedIOException.class, InterruptedException.class);
      assertThat(stopping.stop.code()).isEqualTo(143);
      typed.write('x');
    }
    assertThat(Thread.interrupted()).isFalse();
    assertThat(sandbox).isEmptyDirectory();
  }

  @Test
  void inputThatFailsEndsTheWaitForIt() {
    InputStream broken =
        new InputStream() {
          @Override
          public int read() {
            throw new StackOverflowError("too deep");
          }
        };
    assertThatThrownBy(() -> new InterruptibleInput(broken).read())
        .isInstanceOf(IOException.class)
        .hasRootCauseMessage("too deep");
  }

  @Test
  void theFirstErrorIsReportedIfTheRemovalFailsToo() throws Exception {
    try (StopLog unwilling =
        new StopLog(Duration.ofSeconds(60)) {
          @Override
          public void publish(SandboxEvent event) throws CommandException {
            refuseRemoval(event);
            super.publish(event);
          }
        }) {
      Upload upload = new Upload(unwilling.files, progress, "file");
      assertThatThrownBy(() -> upload.of(endsEarly()))
          .hasMessage("cable pulled")
          .satisfies(e -> assertThat(e.getSuppressed()).hasSize(1));
    }
    removeLeftovers();
  }

  @Test
  void aStoppedCopyTellsThatItsRemovalFailed() throws Exception {
    try (StoppingLog unwilling =
        new StoppingLog(2) {
          @Override
          public void publish(SandboxEvent event) throws CommandException {
            refuseRemoval(event);
            super.publish(event);
          }
        }) {
      Upload upload = new Upload(unwilling.files, progress, "file");
      Exception failure = catchException(() -> upload.of(new ByteArrayInputStream(big())));
      assertThat(CopyCommand.stopped(130, failure))
          .hasMessageStartingWith(
              "stopped before the copy was complete; what was begun may be left (")
          .hasMessageContaining("no Kafka");
    }
    removeLeftovers();
  }

  private static void refuseRemoval(SandboxEvent event) throws CommandException {
    if (event instanceof Exec exec && exec.program().arguments().getFirst().equals("rm")) {
      throw new CommandException(ExitCode.UNAVAILABLE, "no Kafka", null);
    }
  }

  /** Where no worker runs, or not any more. The first command changes nothing. */
  @ParameterizedTest
  @CsvSource({"0, ''", "1, '; what was begun may be left (no answer came soon)'"})
  @Timeout(60)
  void aStoppedCopyDoesNotWaitLongForAnswers(int answered, String leftover) throws Exception {
    try (StopLog silent =
        new StopLog(Duration.ofMillis(200)) {
          private int execs;

          @Override
          public void publish(SandboxEvent event) throws CommandException {
            if (event instanceof Exec) {
              execs++;
            }
            if (execs <= answered) {
              super.publish(event);
            } else {
              stop.now(130);
            }
          }
        }) {
      Upload upload = new Upload(silent.files, progress, "file");
      Exception failure = catchException(() -> upload.of(new ByteArrayInputStream(big())));
      assertThat(failure).isInstanceOf(InterruptedException.class);
      assertThat(CopyCommand.stopped(130, failure))
          .hasMessage("stopped before the copy was complete" + leftover);
    }
    removeLeftovers();
  }

  private void removeLeftovers() throws IOException {
    for (String name : names(sandbox)) {
      Files.delete(sandbox.resolve(name));
    }
  }

  @ParameterizedTest
  @CsvSource({"INT, 130", "TERM, 143"})
  void aSignalStopsACopyThatWaitsForItsInput(String signal, int exitCode) throws Exception {
    // Whoever started the tests may ignore the signal, and processes inherit that.
    List<String> command = new ArrayList<>(List.of("env", "--default-signal=INT"));
    List<String> java = CliProcess.java();
    command.addAll(java.subList(0, java.size() - 1));
    command.addAll(
        List.of(LocalCopy.class.getName(), sandbox.toString(), user.toString(), "-", "file"));
    Process copy = CliProcess.start(Map.of(), 120, command.toArray(String[]::new));
    try {
      copy.getOutputStream().write(big(), 0, PIECE + 1);
      copy.getOutputStream().flush();
      await()
          .atMost(Duration.ofSeconds(60))
          .until(
              () ->
                  names(sandbox).size() == 1
                      && Files.size(sandbox.resolve(names(sandbox).getFirst())) == PIECE);
      CliProcess.signal(copy, signal);
      assertThat(copy.waitFor(60, TimeUnit.SECONDS)).isTrue();
      assertThat(new String(copy.getInputStream().readAllBytes(), StandardCharsets.UTF_8))
          .contains("stopping; ")
          .endsWith("stopped before the copy was complete\n");
      assertThat(copy.exitValue()).isEqualTo(exitCode);
      assertThat(sandbox).isEmptyDirectory();
    } finally {
      copy.destroyForcibly();
    }
  }
}
