/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.zcbot.sandbox.events.CommandSignal;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Expiring;
import io.zcbot.sandbox.events.OutputStreamName;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.TerminalSize;
import io.zcbot.sandbox.events.Topic;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.SequenceInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.assertj.core.api.ThrowableAssert;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/**
 * The behaviours that clients/BEHAVIOURS.md promises of both clients, with a real worker, broker
 * and engine.
 */
@Tag("engine")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Order(0)
class BehavioursIT {
  /**
   * Checks the given number of times, 0.1 s apart, whether a sleep of the given length has ended.
   */
  private static final String AWAIT_THE_END_OF =
      """
      look() {
        for i in $(seq $2); do
          grep -alxz -- "$1" /proc/[0-9]*/cmdline >&2 || exit 0
          sleep 0.1
        done
        exit 1
      }
      look '""";

  private TestBed bed;
  private SandboxClient client;

  @BeforeAll
  void start() throws Exception {
    bed = TestBed.onTheEngine().with("ZCBOT_SANDBOX_NOTICE", "15s").start();
    client = bed.client();
  }

  @AfterAll
  void stop() throws Exception {
    if (client != null) {
      client.close();
    }
    bed.close();
  }

  private Sandbox newSandbox() {
    return client.sandbox(TestBed.newUser());
  }

  private static Command python(String program) {
    return Command.of("python3", "-c", program);
  }

  @Test
  void anEnsureMakesASandboxAndTheNextOneFindsIt() throws Exception {
    Sandbox sandbox = newSandbox();
    Ready first = sandbox.ensure();
    Instant end = Instant.parse("2126-11-24T12:05:00Z");
    Ready second =
        sandbox.ensure(
            EnsureOptions.DEFAULT
                .withIdleTtl(Duration.ofSeconds(20))
                .withLabels(Map.of("tenant", "acme"))
                .withEndsAt(end));
    assertThat(first.outcome()).isEqualTo(Ready.Outcome.CREATED);
    assertThat(second.outcome()).isEqualTo(Ready.Outcome.REUSED);
    assertThat(second.containerId()).isEqualTo(first.containerId());
    assertThat(second.environment().idleTtl()).hasSeconds(20);
    assertThat(second.labels()).isEqualTo(Map.of("tenant", "acme"));
    assertThat(second.endsAt()).isEqualTo(end);
  }

  @Test
  void anEnsureThatIsRefusedSaysWhy() {
    Sandbox sandbox = newSandbox();
    assertThatThrownBy(
            () -> sandbox.ensure(EnsureOptions.DEFAULT.withIdleTtl(Duration.ofDays(100))))
        .isInstanceOfSatisfying(
            SandboxFailedException.class, e -> assertThat(e.isRetryable()).isFalse())
        .hasMessageContaining("rejected")
        .hasMessageContaining("idle_ttl_seconds");
  }

  @Test
  void aCommandsOutputAndExitCodeAreItsResult() throws Exception {
    Sandbox sandbox = newSandbox();
    CommandResult result = sandbox.run("python3", "-c", "print(6*7)");
    assertThat(result.stdout()).isEqualTo("42\n");
    assertThat(result.exitCode()).isZero();
    assertThat(result.isTruncated()).isFalse();
    assertThat(result.startedAt()).isBefore(Instant.now().plusSeconds(60));

    CommandResult failed =
        sandbox.run(
            Command.shell("pwd; echo $GREETING >&2; exit 3").cwd("/tmp").env("GREETING", "hi"));
    assertThat(failed.exitCode()).isEqualTo(3);
    assertThat(failed.stdout()).isEqualTo("/tmp\n");
    assertThat(failed.stderr()).isEqualTo("hi\n");
  }

  @Test
  void outputBeyondTheLimitIsCutAndSaysSo() throws Exception {
    CommandResult result =
        newSandbox().run(Command.shell("head -c 100000 /dev/zero").maxOutput(1000));
    assertThat(result.isTruncated()).isTrue();
    assertThatThrownBy(result::stdout).isInstanceOf(OutputTruncatedException.class);
    assertThat(result.stdoutBytes()).hasSize(1000);
    assertThat(result.exitCode()).isZero();
  }

  @Test
  void standardInputOfAnyLengthIsRead() throws Exception {
    Sandbox sandbox = newSandbox();
    assertThat(sandbox.run(Command.of("tr", "a-z", "A-Z").stdin("hello")).stdout())
        .isEqualTo("HELLO");
    byte[] large = new byte[3_000_000];
    new Random(1).nextBytes(large);
    Command count = Command.of("wc", "-c");
    assertThat(sandbox.run(count.stdin(large)).stdout().strip()).isEqualTo("3000000");
    assertThat(sandbox.run(count.stdin(new ByteArrayInputStream(large))).stdout().strip())
        .isEqualTo("3000000");
    assertThat(sandbox.run("wc", "-c").stdout().strip()).isEqualTo("0");
  }

  @Test
  void aCommandCanBeTalkedTo() throws Exception {
    try (RunningCommand running = newSandbox().start(Command.of("cat").openStdin())) {
      InputStream stdout = running.stdout();
      OutputStream stdin = running.stdin();
      for (String word : List.of("one", "two")) {
        stdin.write(word.getBytes(UTF_8));
        stdin.flush();
        assertThat(stdout.readNBytes(3)).asString(UTF_8).isEqualTo(word);
      }
      stdin.close();
      assertThat(stdout.read()).isNegative();
      assertThat(running.await().stdout()).isEqualTo("onetwo");
    }
  }

  @Test
  void streamedOutputComesInOrderWhileTheCommandRuns() throws Exception {
    Sandbox sandbox = newSandbox();
    ByteArrayOutputStream stdout = new ByteArrayOutputStream();
    StringBuilder stderr = new StringBuilder();
    CommandResult result =
        sandbox.run(
            Command.shell("seq 1 100000; echo done >&2").maxOutput(2_000_000),
            chunk -> {
              if (chunk.stream() == OutputStreamName.STDOUT) {
                stdout.writeBytes(chunk.bytes());
              } else {
                stderr.append(chunk.text());
              }
            });
    StringBuilder expected = new StringBuilder();
    IntStream.rangeClosed(1, 100_000).forEach(i -> expected.append(i).append('\n'));
    assertThat(stdout.toString(UTF_8)).isEqualTo(expected.toString());
    assertThat(stderr).hasToString("done\n");
    assertThat(result.stdout()).isEqualTo(expected.toString());

    try (RunningCommand running =
        sandbox.start(Command.shell("echo first; read line; echo $line").openStdin())) {
      InputStream lines = running.stdout();
      assertThat(lines.readNBytes(6)).asString(UTF_8).isEqualTo("first\n"); // it still runs
      running.stdin().write("second\n".getBytes(UTF_8));
      running.stdin().close();
      assertThat(lines.readAllBytes()).asString(UTF_8).isEqualTo("second\n");
    }
  }

  /** With the entries and the order of a real worker; {@link PlayedWorkerIT} has the rest. */
  @Test
  void aCommandInATerminalIsFoundAndAttachedToByAnotherClient() throws Exception {
    Sandbox sandbox = newSandbox();
    Command shell =
        Command.shell("echo on; read x; stty size; echo $x; exit 7")
            .openStdin()
            .terminal(new TerminalSize(80, 24))
            .withoutKeepingOutput();
    ByteArrayOutputStream got = new ByteArrayOutputStream();
    try (SandboxClient another = bed.client()) {
      Sandbox same = another.sandbox(sandbox.user());
      RunningCommand own = sandbox.start(shell);
      assertThatThrownBy(
              () ->
                  own.forEachPiece(
                      piece -> {
                        got.writeBytes(piece.bytes());
                        throw new IllegalStateException("left");
                      }))
          .hasMessage("left");
      assertThat(got.toString(UTF_8)).isEqualTo("on\r\n");
      RunningEntry entry = same.commands().getFirst();
      assertThat(entry.execId()).isEqualTo(own.id());
      assertThat(entry.exec().terminal()).isEqualTo(new TerminalSize(80, 24));
      got.reset();
      try (RunningCommand attached = same.attach(own.id())) {
        own.detach();
        attached.resize(new TerminalSize(120, 40));
        attached.stdin().write("hello\n".getBytes(UTF_8));
        attached.stdin().flush();
        Exited end = attached.forEachPiece(piece -> got.writeBytes(piece.bytes()));
        assertThat(end.exitCode()).isEqualTo(7);
      }
      assertThat(got.toString(UTF_8)).endsWith("40 120\r\nhello\r\n");
      assertThatThrownBy(() -> same.attach(own.id()))
          .isInstanceOf(CommandNotRunningException.class);
      assertThat(same.commands()).isEmpty();
    }
  }

  @Test
  void aSignalEndsACommandAndSoDoesClosingIt() throws Exception {
    Sandbox sandbox = newSandbox();
    try (RunningCommand running = sandbox.start(Command.of("sleep", "100"))) {
      running.signal(CommandSignal.TERM);
      CommandResult result = running.await();
      assertThat(result.signal()).isEqualTo(15);
      assertThat(result.exitCode()).isEqualTo(143);
    }
    RunningCommand left = sandbox.start(Command.shell("echo on; exec sleep 98765"));
    assertThat(left.stdout().readNBytes(3)).asString(UTF_8).isEqualTo("on\n");
    assertThat(sandbox.shell(AWAIT_THE_END_OF + "98765' 1").exitCode()).isEqualTo(1);
    left.close();
    assertThat(sandbox.shell(AWAIT_THE_END_OF + "98765' 300").exitCode()).isZero();
  }

  @Test
  void aCommandThatRunsForTooLongIsKilled() {
    Throwable thrown =
        catchThrowable(
            () ->
                newSandbox()
                    .run(Command.shell("echo begun; sleep 100").timeout(Duration.ofSeconds(5))));
    assertThat(thrown)
        .isInstanceOfSatisfying(
            CommandTimeoutException.class,
            e -> assertThat(e.result().stdout()).isEqualTo("begun\n"));
  }

  @Test
  void aCommandThatCannotStartSaysWhy() {
    assertThatThrownBy(() -> newSandbox().run(Command.of("true").onlyInExistingSandbox()))
        .isInstanceOfSatisfying(
            CommandNotStartedException.class,
            e -> assertThat(e.reason()).isEqualTo(Exited.Reason.NO_SANDBOX));
    assertThatThrownBy(() -> newSandbox().run("/no/such/program"))
        .isInstanceOfSatisfying(
            CommandNotStartedException.class,
            e -> {
              assertThat(e.isRetryable()).isFalse();
              assertThat(e.exitCode()).hasValue(127);
            });
  }

  @Test
  void whatNoWorkerWouldAcceptIsRefusedAndTheFieldIsNamed() {
    Sandbox sandbox = newSandbox();
    assertThatThrownBy(() -> sandbox.run(Command.of("true").cwd("relative")))
        .isInstanceOfSatisfying(
            InvalidRequestException.class, e -> assertThat(e.field()).isEqualTo("cwd"))
        .hasMessageContaining("begin it with a /");
    assertThatThrownBy(() -> sandbox.run(Command.of("true").env("A=B", "c")))
        .isInstanceOfSatisfying(
            InvalidRequestException.class, e -> assertThat(e.field()).isEqualTo("env"));
    assertThatThrownBy(() -> client.sandbox("somebody"))
        .isInstanceOfSatisfying(
            InvalidRequestException.class, e -> assertThat(e.field()).isEqualTo("user_id"));
  }

  @Test
  void filesOfAnyBytesArriveAsTheyWere() throws Exception {
    SandboxFiles files = newSandbox().files();
    for (int size : new int[] {0, 1, 300_000, SandboxFiles.PIECE, 9_000_000}) {
      byte[] bytes = new byte[size];
      new Random(size).nextBytes(bytes);
      files.write("deep/er/data", bytes);
      assertThat(Arrays.equals(files.readAllBytes("deep/er/data"), bytes)).as("%d", size).isTrue();
    }
    assertThat(files.list("deep/er"))
        .singleElement()
        .satisfies(
            entry -> {
              assertThat(entry.name()).isEqualTo("data");
              assertThat(entry.kind()).isEqualTo(FileEntry.Kind.FILE);
              assertThat(entry.size()).isEqualTo(9_000_000);
              assertThat(entry.modifiedAt()).isAfter(Instant.now().minusSeconds(600));
            });
    files.remove("deep");
    files.remove("deep");
    assertThatThrownBy(() -> files.readAllBytes("deep/er/data"))
        .isInstanceOf(SandboxFileException.NotFound.class)
        .hasMessageContaining("no such file");
    assertThatThrownBy(() -> files.list("deep")).isInstanceOf(SandboxFileException.NotFound.class);
  }

  @Test
  void theErrorsOfFilesAreTypes() throws Exception {
    SandboxFiles files = newSandbox().files();
    byte[] one = {1};
    files.write("errors/file", one);
    assertFileError(SandboxFileException.NotFound.class, () -> files.readAllBytes("/etc/nosuch"));
    assertFileError(SandboxFileException.NotPermitted.class, () -> files.write("/etc/hosts", one));
    assertFileError(
        SandboxFileException.NotPermitted.class,
        () -> files.write("/root/x", new ByteArrayInputStream(new byte[300_000])));
    assertFileError(SandboxFileException.IsDirectory.class, () -> files.write("errors", one));
    assertFileError(SandboxFileException.IsDirectory.class, () -> files.readAllBytes("errors"));
    assertFileError(SandboxFileException.NotDirectory.class, () -> files.list("errors/file"));
    assertFileError(
        SandboxFileException.NotDirectory.class, () -> files.write("errors/file/x", one));
  }

  private static void assertFileError(
      Class<? extends SandboxFileException> type, ThrowableAssert.ThrowingCallable act) {
    assertThatThrownBy(act)
        .isInstanceOf(type)
        .hasMessageContaining("could not ")
        .hasMessageContaining("; ")
        .message()
        .doesNotContainPattern("dd:|line [0-9]|zcbot-write");
  }

  /** Workers refuse more than 72, and the refused ones could be repeated only much later. */
  @Test
  void manyCommandsOfAUserAtOnceTakeTheirTurns() throws Exception {
    AtomicInteger repeats = new AtomicInteger();
    ClientMetrics metrics =
        new ClientMetrics() {
          @Override
          public void repeated(Request request) {
            repeats.incrementAndGet();
          }
        };
    try (SandboxClient counted = bed.client(ClientOptions.defaults().withMetrics(metrics));
        ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Sandbox sandbox = counted.sandbox(TestBed.newUser());
      sandbox.ensure();
      List<Future<CommandResult>> results = new ArrayList<>();
      long began = System.nanoTime();
      for (int i = 0; i < 100; i++) {
        String number = Integer.toString(i);
        results.add(threads.submit(() -> sandbox.run("echo", number)));
      }
      for (int i = 0; i < 100; i++) {
        assertThat(results.get(i).get(120, TimeUnit.SECONDS).stdout()).isEqualTo(i + "\n");
      }
      assertThat(Duration.ofNanos(System.nanoTime() - began)).isLessThan(Duration.ofSeconds(30));
    }
    assertThat(repeats).hasValue(0);
  }

  @Test
  void aReleaseOfAUserWithoutASandboxEndsSoon() throws Exception {
    long began = System.nanoTime();
    assertThat(newSandbox().release(Duration.ofSeconds(300))).isEmpty();
    assertThat(Duration.ofNanos(System.nanoTime() - began)).isLessThan(Duration.ofSeconds(30));
  }

  @Test
  void aFileWhoseSandboxEndsWhileItIsWrittenIsAnError() throws Exception {
    Sandbox sandbox = newSandbox();
    SandboxFiles files = sandbox.files();
    InputStream releasing =
        new InputStream() {
          private int left = 100_000; // a piece that may be sent twice

          @Override
          public int read() throws IOException {
            if (left == 100_000) {
              release(sandbox);
            }
            return left-- > 0 ? 'x' : -1;
          }
        };
    InputStream content =
        new SequenceInputStream(new ByteArrayInputStream(new byte[SandboxFiles.PIECE]), releasing);
    assertThatThrownBy(() -> files.write("/tmp/long", content))
        .isInstanceOf(SandboxFileException.class)
        .hasMessageContaining("write it again");
    assertThat(files.list("/tmp"))
        .extracting(FileEntry::name)
        .noneMatch(name -> name.equals("long") || name.startsWith(".zcbot-write"));
  }

  private static void release(Sandbox sandbox) throws IOException {
    try {
      assertThat(sandbox.release(Duration.ofSeconds(60))).isPresent();
    } catch (InterruptedException e) {
      throw new IOException(e);
    }
  }

  @Test
  void aFileThatIsTooLongForMemoryIsAnError() throws Exception {
    Sandbox sandbox = newSandbox();
    assertThat(sandbox.shell("truncate -s 65M long; echo 12345678 >short").isOk()).isTrue();
    SandboxFiles files = sandbox.files();
    assertThatThrownBy(() -> files.readAllBytes("long"))
        .isInstanceOfSatisfying(
            SandboxFileException.class, e -> assertThat(e.path()).isEqualTo("long"))
        .hasMessageContaining("'long': it is longer than 67108864 bytes");
    assertThatThrownBy(() -> files.readAllBytes("short", 8))
        .isInstanceOf(SandboxFileException.class)
        .hasMessageContaining("'short': it is longer than 8 bytes");
    assertThat(files.readAllBytes("short", 9)).hasSize(9);
  }

  @Test
  void whatIsNoFileIsNotRead() throws Exception {
    Sandbox sandbox = newSandbox();
    assertThat(sandbox.shell("ln -s /dev/zero endless; mkfifo waits").isOk()).isTrue();
    for (String path : List.of("endless", "waits")) {
      assertThatThrownBy(() -> sandbox.files().readAllBytes(path))
          .isInstanceOf(SandboxFileException.class)
          .hasMessageContaining("is not a regular file");
    }
  }

  @Test
  void namesOfFilesAreNeitherOptionsNorCode() throws Exception {
    SandboxFiles files = newSandbox().files();
    List<String> names =
        List.of(
            "-rf",
            "--help",
            "a b",
            "$(touch hacked)",
            "`touch hacked`",
            "; touch hacked",
            "'\"",
            "line\nbreak\n",
            "*",
            "\\0",
            "ä ☃",
            "if=x");
    for (String name : names) {
      files.write("names/" + name, name.getBytes(UTF_8));
    }
    for (String name : names) {
      assertThat(files.readAllBytes("names/" + name)).asString(UTF_8).isEqualTo(name);
    }
    assertThat(files.list("names"))
        .extracting(FileEntry::name)
        .containsExactlyInAnyOrderElementsOf(names);
    files.remove("names/*");
    files.remove("names/-rf");
    assertThat(files.list("names")).hasSize(names.size() - 2);
    files.write("-n\n", new byte[] {1});
    assertThat(files.readAllBytes("-n\n")).containsExactly(1);
    assertThat(files.list("."))
        .extracting(FileEntry::name)
        .containsExactlyInAnyOrder("names", "-n\n");
  }

  @Test
  void namesThatAreNotTextAreListed() throws Exception {
    Sandbox sandbox = newSandbox();
    sandbox.run(python("import os; os.mkdir('d'); open(b'd/\\xff','w').close()"));
    assertThat(sandbox.files().list("d"))
        .singleElement()
        .satisfies(entry -> assertThat(entry.isNameExact()).isFalse());
  }

  @Test
  void aReleaseRemovesTheSandboxAndSubscribersHearOfIt() throws Exception {
    try (Sandbox sandbox = newSandbox()) {
      Ready ready = sandbox.ensure();
      BlockingQueue<Reaped> heard = new LinkedBlockingQueue<>();
      sandbox.onReaped(heard::add);
      Reaped end = sandbox.release(Duration.ofSeconds(60)).orElseThrow();
      assertThat(end.reason()).isEqualTo(Reaped.Reason.REQUESTED);
      assertThat(end.containerId()).isEqualTo(ready.containerId());
      assertThat(heard.poll(60, TimeUnit.SECONDS)).isEqualTo(end);
      assertThat(sandbox.ensure().containerId()).isNotEqualTo(ready.containerId());
    }
  }

  @Test
  void whatIsKeptAliveIsNotReaped() throws Exception {
    try (Sandbox sandbox = newSandbox();
        Sandbox other = newSandbox()) {
      // Both run before the idle TTL of one of them is short.
      other.ensure();
      Ready ready = sandbox.ensure();
      EnsureOptions brief = EnsureOptions.DEFAULT.withIdleTtl(Duration.ofSeconds(20));
      CompletableFuture<Reaped> end = new CompletableFuture<>();
      CompletableFuture<Expiring> notice = new CompletableFuture<>();
      other.onReaped(end::complete);
      other.onExpiring(notice::complete);
      // Right before it is kept alive, or it could be idle too long meanwhile.
      sandbox.ensure(brief);
      other.ensure(brief);
      while (!end.isDone()) {
        sandbox.keepAlive();
        TimeUnit.MILLISECONDS.sleep(200);
      }
      assertThat(end.join().reason()).isEqualTo(Reaped.Reason.IDLE);
      assertThat(notice).succeedsWithin(Duration.ofSeconds(60));
      assertThat(notice.join().containerId()).isEqualTo(end.join().containerId());
      assertThat(sandbox.ensure().containerId()).isEqualTo(ready.containerId());
    }
  }

  @Test
  void manyUsersAtATimeGetTheirOwnAnswers() throws Exception {
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<String>> results = new ArrayList<>();
      for (int i = 0; i < 6; i++) {
        Sandbox sandbox = newSandbox();
        for (int j = 0; j < 5; j++) {
          String text = sandbox.user() + " " + j;
          results.add(
              threads.submit(
                  () -> {
                    String said = sandbox.run("echo", text).stdout();
                    return said.equals(text + "\n") ? "" : text + ": " + said;
                  }));
        }
      }
      for (Future<String> result : results) {
        assertThat(result.get(120, TimeUnit.SECONDS)).isEmpty();
      }
    }
  }

  @Test
  void hostileBytesInOutputAndForgedRecordsHarmNobody() throws Exception {
    Sandbox sandbox = newSandbox();
    String user = sandbox.user().toString();
    byte[] hostile = {(byte) 0xff, (byte) 0xfe, 0, 27, '[', '2', 'J', (byte) 0xc3};
    try (RunningCommand running =
        sandbox.start(
            Command.shell("printf '\\xff\\xfe\\x00\\x1b[2J\\xc3'; read x; exit 5").openStdin())) {
      assertThat(running.stdout().readNBytes(hostile.length)).isEqualTo(hostile);
      bed.forge(Topic.EXITED, user, "{".getBytes(UTF_8));
      bed.forge(Topic.EXITED, user, hostile);
      bed.forge(Topic.EXITED, user, exited(user, "another"));
      bed.forge(Topic.EXITED, TestBed.newUser(), exited(user, running.id()));
      String stranger = TestBed.newUser();
      bed.forge(Topic.EXITED, stranger, exited(stranger, running.id()));
      running.stdin().close();
      CommandResult result = running.await();
      assertThat(result.exitCode()).isEqualTo(5);
      assertThat(result.stdoutBytes()).isEqualTo(hostile);
    }
  }

  @Test
  void answersComeInTheReplyTopic() throws Exception {
    bed.createTopic("sandbox.reply.mine", 1);
    Map<ClientMetrics.RecordUse, Integer> read = new ConcurrentHashMap<>();
    ClientMetrics counting =
        new ClientMetrics() {
          @Override
          public void read(RecordUse use) {
            read.merge(use, 1, Integer::sum);
          }
        };
    try (SandboxClient replied =
        bed.client(
            ClientOptions.defaults().withReplyTopic("sandbox.reply.mine").withMetrics(counting))) {
      Sandbox sandbox = replied.sandbox(TestBed.newUser());
      assertThat(sandbox.ensure().outcome()).isEqualTo(Ready.Outcome.CREATED);
      Command count = Command.shell("seq 1 50000").maxOutput(1 << 20);
      assertThat(sandbox.run(count).stdout()).endsWith("\n50000\n");
      for (int i = 0; i < 5; i++) {
        newSandbox().run("true"); // answers to others
      }
      assertThat(sandbox.run("echo", "last").stdout()).isEqualTo("last\n");
      assertThat(read).containsOnlyKeys(ClientMetrics.RecordUse.OWN);
      assertThat(sandbox.release(Duration.ofSeconds(60))).isPresent();
    }
  }

  private static byte[] exited(String user, String execId) {
    return """
    {"event_id":"x","user_id":"%s","exec_id":"%s","exited_at":"2026-11-26T00:00:00Z",\
    "reason":"exited","exit_code":0,"output_count":0,"truncated":false,"took_ms":1,\
    "retryable":false,"host":"h","worker_id":"w"}"""
        .formatted(user, execId)
        .getBytes(UTF_8);
  }

  @Test
  void closingTheClientEndsAllWaits() throws Exception {
    SandboxClient closing = bed.client();
    Sandbox sandbox = closing.sandbox(TestBed.newUser());
    sandbox.ensure();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Sandbox absent = closing.sandbox(TestBed.newUser());
      Future<?> releasing = threads.submit(() -> absent.release(Duration.ofSeconds(120)));
      RunningCommand running = sandbox.start(Command.shell("echo on; sleep 20"));
      assertThat(running.stdout().readNBytes(3)).asString(UTF_8).isEqualTo("on\n");
      Future<?> waiting = threads.submit(() -> running.await());
      closing.close();
      for (Future<?> wait : List.of(waiting, releasing)) {
        assertThatThrownBy(() -> wait.get(60, TimeUnit.SECONDS))
            .isInstanceOf(ExecutionException.class)
            .hasCauseInstanceOf(ClientClosedException.class);
      }
      running.close();
      assertThatThrownBy(sandbox::ensure).isInstanceOf(ClientClosedException.class);
    }
  }

  @Test
  void aCallbackThatThrowsEndsItsCommand() throws Exception {
    Sandbox sandbox = newSandbox();
    assertThatThrownBy(
            () ->
                sandbox.run(
                    Command.shell("echo on; sleep 54321; touch /workspace/late"),
                    chunk -> {
                      throw new IllegalStateException("enough");
                    }))
        .hasMessage("enough");
    assertThat(sandbox.shell(AWAIT_THE_END_OF + "54321' 300").exitCode()).isZero();
    Path late = bed.workspace(sandbox.user()).resolve("late");
    assertThat(Files.exists(late)).isFalse();
  }
}
