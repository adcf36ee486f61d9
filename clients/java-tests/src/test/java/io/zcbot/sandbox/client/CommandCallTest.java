/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.CommandSignal;
import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Input;
import io.zcbot.sandbox.events.Origin;
import io.zcbot.sandbox.events.Output;
import io.zcbot.sandbox.events.OutputStreamName;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.Callback;
import org.apache.kafka.clients.producer.MockProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.TopicAuthorizationException;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class CommandCallTest {
  private final EventCodec codec = new EventCodec();
  private final BlockingQueue<SandboxEvent> published = new LinkedBlockingQueue<>();
  private final MockProducer<byte[], byte[]> producer =
      new MockProducer<>(false, null, new ByteArraySerializer(), new ByteArraySerializer()) {
        @Override
        public Future<RecordMetadata> send(
            ProducerRecord<byte[], byte[]> published, Callback callback) {
          if (published.topic().equals("sandbox.input")) {
            awaitInputs();
          }
          Future<RecordMetadata> sent = super.send(published, callback);
          if (isAcknowledging) {
            completeNext();
          }
          CommandCallTest.this.published.add(decoded(published));
          return sent;
        }

        @Override
        public void close(Duration timeout) {
          super.close(timeout);
          if (Thread.interrupted()) {
            throw new InterruptException("while it was closed"); // as Kafka's does
          }
        }
      };
  private final RefusedConsumer consumer = new RefusedConsumer();
  private final UserId user = Samples.user();
  private volatile boolean isAcknowledging = true;

  /**
   * Blocks the producer's callers when they publish an input, as it does while it has no metadata.
   */
  private volatile CountDownLatch inputs = new CountDownLatch(0);

  private Connection connection;
  private Sandbox sandbox;

  @BeforeEach
  void start() {
    for (Topic topic : List.of(Topic.EXITED, Topic.OUTPUT)) {
      String name = topic.named("sandbox.");
      consumer.updateEndOffsets(Map.of(new TopicPartition(name, 0), 0L));
      consumer.updatePartitions(name, List.of(new PartitionInfo(name, 0, null, null, null)));
    }
    connection =
        new Connection(
            () -> producer, consumer, Samples.reach(), Samples::noTables, ClientOptions.defaults());
    sandbox = new Sandbox(connection, user);
  }

  @AfterEach
  void stop() {
    connection.close();
  }

  private SandboxEvent decoded(ProducerRecord<byte[], byte[]> record) {
    Topic topic = record.topic().equals("sandbox.exec") ? Topic.EXEC : Topic.INPUT;
    try {
      return codec.decode(
          topic, record.key(), record.value(), new Origin(record.topic(), 0, 0, Samples.NOW));
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  private void awaitInputs() {
    try {
      assertThat(inputs.await(30, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new InterruptException(e);
    }
  }

  private SandboxEvent next() throws InterruptedException {
    SandboxEvent next = published.poll(30, TimeUnit.SECONDS);
    assertThat(next).isNotNull();
    return next;
  }

  /** What the command would read from its standard input if it were started. */
  private byte[] input(Command command) throws InterruptedException {
    ByteArrayOutputStream input = new ByteArrayOutputStream();
    try (RunningCommand running = sandbox.start(command)) {
      assertThat(next()).isInstanceOf(Exec.class);
      SandboxEvent event = next();
      while (event instanceof Input piece && piece.content() instanceof Input.Content.Bytes bytes) {
        input.writeBytes(bytes.data().toByteArray());
        event = next();
      }
      assertThat(event)
          .isInstanceOfSatisfying(
              Input.class,
              end -> {
                assertThat(end.execId()).isEqualTo(running.id());
                assertThat(end.content()).isEqualTo(new Input.Content.End());
              });
    }
    assertKilled(next());
    return input.toByteArray();
  }

  private static String assertKilled(SandboxEvent event) {
    assertThat(event).isInstanceOf(Input.class);
    Input input = (Input) event;
    assertThat(input.content()).isEqualTo(new Input.Content.Signal(CommandSignal.KILL));
    return input.execId();
  }

  @Test
  void eachStartOfACommandReadsAllOfItsLongInput() throws Exception {
    byte[] content = new byte[2 * CommandInput.MAX_BYTES + 1];
    new Random(1).nextBytes(content);
    Command command = Command.of("cat").stdin(content);
    assertThat(input(command)).isEqualTo(content);
    assertThat(input(command)).isEqualTo(content);
    assertThat(input(command.env("A", "b"))).isEqualTo(content);
  }

  @Test
  void theSecondStartOfACommandWithAStreamIsRefused() throws Exception {
    byte[] content = "once".getBytes(StandardCharsets.UTF_8);
    Command command = Command.of("cat").stdin(new ByteArrayInputStream(content));
    Command other = command.env("A", "b");
    assertThat(input(command)).isEqualTo(content);
    for (Command again : List.of(command, other)) {
      assertThatThrownBy(() -> sandbox.start(again))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("set another one with Command.stdin");
    }
    assertThat(published).isEmpty();
  }

  @Test
  void aCommandWhoseCallerIsInterruptedWhileItIsPublishedIsKilled() throws Exception {
    isAcknowledging = false;
    FutureTask<RunningCommand> start =
        new FutureTask<>(() -> sandbox.start(Command.of("sleep", "3600")));
    Thread caller = Thread.ofPlatform().start(start);
    String id = next().eventId();
    caller.interrupt();
    assertThat(assertKilled(next())).isEqualTo(id);
    assertThatThrownBy(() -> start.get(30, TimeUnit.SECONDS))
        .hasCauseInstanceOf(InterruptedException.class);
  }

  @Test
  void aCommandThatIsNotAcknowledgedInTimeIsKilled() throws Exception {
    isAcknowledging = false;
    Command command = Command.of("sleep", "3600").startWithin(Duration.ofSeconds(10));
    assertThatThrownBy(() -> sandbox.start(command)).isInstanceOf(NoAnswerException.class);
    assertThat(next().eventId()).isEqualTo(assertKilled(next()));
  }

  @Test
  void nobodyWaitsForACommandToBeKilled() throws Exception {
    RunningCommand running = sandbox.start(Command.of("sleep", "3600"));
    assertThat(next()).isInstanceOf(Exec.class);
    inputs = new CountDownLatch(1);
    running.close();
    assertThat(published).isEmpty();
    inputs.countDown();
    assertThat(assertKilled(next())).isEqualTo(running.id());
  }

  @Test
  void aCommandIsKilledThoughItsClientIsClosedAtOnce() throws Exception {
    RunningCommand running = sandbox.start(Command.of("sleep", "3600"));
    assertThat(next()).isInstanceOf(Exec.class);
    running.close();
    connection.close();
    assertThat(assertKilled(next())).isEqualTo(running.id());
  }

  /** It was interrupted while it waited for the command, and closes both on its way out. */
  @Test
  void aCommandIsKilledThoughItsClientIsClosedByAnInterruptedThread() throws Exception {
    RunningCommand running = sandbox.start(Command.of("sleep", "3600"));
    assertThat(next()).isInstanceOf(Exec.class);
    inputs = new CountDownLatch(1);
    FutureTask<Boolean> close =
        new FutureTask<>(
            () -> {
              Thread.currentThread().interrupt();
              running.close();
              connection.close();
              return Thread.interrupted();
            });
    Thread closer = Thread.ofPlatform().daemon().start(close);
    awaitState(closer, Thread.State.TIMED_WAITING, Thread.State.TERMINATED);
    inputs.countDown();
    assertThat(close.get(60, TimeUnit.SECONDS)).isTrue();
    assertThat(assertKilled(next())).isEqualTo(running.id());
  }

  @Test
  void whoeverInterruptsTheCloserOfAClientCausesNoException() throws Exception {
    RunningCommand running = sandbox.start(Command.of("sleep", "3600"));
    inputs = new CountDownLatch(1);
    running.close();
    FutureTask<Boolean> close =
        new FutureTask<>(
            () -> {
              connection.close();
              return Thread.interrupted();
            });
    Thread closer = Thread.ofPlatform().daemon().start(close);
    awaitState(closer, Thread.State.TIMED_WAITING);
    closer.interrupt();
    assertThat(close.get(60, TimeUnit.SECONDS)).isTrue();
    inputs.countDown();
  }

  private static void awaitState(Thread thread, Thread.State... states) {
    await().atMost(Duration.ofSeconds(60)).until(() -> List.of(states).contains(thread.getState()));
  }

  /** An interrupt closes the socket that a virtual thread reads. */
  @Test
  void theSocketThatIsItsInputIsOpenAfterTheEndOfACommand() throws Exception {
    try (ServerSocket server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
        Socket socket = new Socket(server.getInetAddress(), server.getLocalPort());
        Socket peer = server.accept()) {
      WatchedStream stdin = new WatchedStream(socket.getInputStream());
      RunningCommand running = sandbox.start(Command.of("cat").stdin(stdin));
      assertThat(stdin.begun.await(60, TimeUnit.SECONDS)).isTrue();
      answer(Samples.exited(user, running.id(), 0));
      running.close();
      peer.getOutputStream().write('x');
      assertThat(stdin.read.get(60, TimeUnit.SECONDS)).isEqualTo(1);
      assertThat(socket.isClosed()).isFalse();
    }
  }

  /** Tells when it is read, and what came of it. */
  private static final class WatchedStream extends FilterInputStream {
    private final CountDownLatch begun = new CountDownLatch(1);
    private final CompletableFuture<Integer> read = new CompletableFuture<>();

    WatchedStream(InputStream watched) {
      super(watched);
    }

    @Override
    public int read(byte[] to, int from, int length) throws IOException {
      begun.countDown();
      try {
        int count = super.read(to, from, length);
        read.complete(count);
        return count;
      } catch (IOException e) {
        read.completeExceptionally(e);
        throw e;
      }
    }
  }

  @Test
  void closingACommandEndsTheWaitsOfOtherThreads() throws Exception {
    RunningCommand running = sandbox.start(Command.of("sleep", "3600"));
    InputStream stdout = running.stdout();
    isAcknowledging = false;
    List<FutureTask<Object>> waits =
        List.of(
            new FutureTask<>(running::await),
            new FutureTask<>(
                () -> {
                  running.forEachOutput(_ -> {});
                  return "";
                }),
            new FutureTask<>(stdout::read),
            signal(running));
    waits.forEach(wait -> Thread.ofVirtual().start(wait));
    running.close();
    for (FutureTask<Object> wait : waits) {
      assertThatThrownBy(() -> wait.get(60, TimeUnit.SECONDS))
          .hasStackTraceContaining("the command was closed");
    }
  }

  @Test
  void nobodyWaitsForTheAcknowledgementOfASignalToACommandThatHasEnded() throws Exception {
    RunningCommand running = sandbox.start(Command.of("sleep", "3600"));
    assertThat(next()).isInstanceOf(Exec.class);
    isAcknowledging = false;
    FutureTask<Object> signal = signal(running);
    Thread.ofPlatform().daemon().start(signal);
    assertThat(next()).isInstanceOf(Input.class);
    answer(Samples.exited(user, running.id(), 0));
    assertThat(signal.get(90, TimeUnit.SECONDS)).isEqualTo("");
  }

  private static FutureTask<Object> signal(RunningCommand running) {
    return new FutureTask<>(
        () -> {
          running.signal(CommandSignal.INT);
          return "";
        });
  }

  @Test
  void aMissingAnswerIsExplainedByWhatCannotBeRead() throws Exception {
    connection.reader().follow(user, CommandCall.ANSWERS, Deadline.in(Duration.ofSeconds(60)));
    consumer.refused = "sandbox.exited";
    await()
        .atMost(Duration.ofSeconds(60))
        .until(() -> connection.reader().trouble(CommandCall.ANSWERS) != null);
    RunningCommand running =
        new RunningCommand(
            connection,
            user,
            "x",
            Command.of("true"),
            Deadline.in(Duration.ZERO),
            new Transcript(100, Duration.ofSeconds(10), System::nanoTime),
            null,
            new Resources());
    for (ThrowingCallable wait :
        List.<ThrowingCallable>of(running::await, () -> running.forEachOutput(_ -> {}))) {
      assertThatThrownBy(wait)
          .isInstanceOf(NoAnswerException.class)
          .hasMessageContaining("no answer to exec x")
          .hasMessageContaining("[sandbox.exited]")
          .hasCauseInstanceOf(TopicAuthorizationException.class);
    }
  }

  @Test
  void theResultOfACommandThatEndedIsThereAfterItIsClosed() throws Exception {
    RunningCommand running = sandbox.start(Command.of("cat"));
    answer(Samples.exited(user, running.id(), 0));
    running.close();
    assertThat(running.await().exitCode()).isZero();
  }

  @Test
  void whatIsInvalidIsNotKilledBecauseItIsNotPublished() {
    assertThatThrownBy(() -> sandbox.start(Command.shell("")))
        .isInstanceOf(InvalidRequestException.class);
    assertThat(published).isEmpty();
  }

  @Test
  void charactersThatEndInAnotherPieceAreInItsText() throws Exception {
    List<OutputChunk> chunks = new ArrayList<>();
    try (RunningCommand running = sandbox.start(Command.of("cat"))) {
      answer(output(running.id(), 0, OutputStreamName.STDOUT, 'a', 0xc3));
      answer(output(running.id(), 1, OutputStreamName.STDERR, 'e', 0xe2, 0x82)); // two of three
      answer(output(running.id(), 2, OutputStreamName.STDOUT, 0xa4, 0xff, 'b'));
      answer(Samples.exited(user, running.id(), 3));
      running.forEachOutput(chunks::add);
    }
    assertThat(chunks)
        .extracting(OutputChunk::text)
        .containsExactly("a", "e", "ä\ufffdb", "\ufffd");
    assertThat(chunks).extracting(chunk -> chunk.bytes().length).containsExactly(2, 3, 3, 0);
    assertThat(chunks.getLast().stream()).isEqualTo(OutputStreamName.STDERR);
    assertThat(
            chunks.stream()
                .filter(chunk -> chunk.stream() == OutputStreamName.STDOUT)
                .map(OutputChunk::text)
                .collect(Collectors.joining()))
        .isEqualTo("aä\ufffdb");
  }

  @ParameterizedTest
  @ValueSource(ints = {SandboxFiles.PIECE, 3})
  void whoeverInterruptsTheWriterOfAFileDoesNotWaitUntilItIsRemoved(int size) throws Exception {
    FutureTask<Object> write = write(size);
    Thread writer = Thread.ofPlatform().daemon().start(write);
    String temporary = nextExec().program().arguments().get(4);
    writer.interrupt();
    assertThatThrownBy(() -> write.get(60, TimeUnit.SECONDS))
        .hasCauseInstanceOf(InterruptedException.class);
    assertRemoves(nextExec(), temporary);
  }

  @Test
  void theWriterOfALongFileThatFailedWaitsOnlyBrieflyUntilItIsRemoved() throws Exception {
    FutureTask<Object> write = write(SandboxFiles.PIECE);
    Thread.ofPlatform().daemon().start(write);
    Exec piece = nextExec();
    answer(Samples.exited(user, piece.eventId(), Exited.Reason.FAILED, null, 0, false));
    Exec removal = nextExec();
    assertRemoves(removal, piece.program().arguments().get(4));
    assertThat(write).isNotDone();
    answer(Samples.exited(user, removal.eventId(), 0));
    assertThatThrownBy(() -> write.get(60, TimeUnit.SECONDS))
        .hasCauseInstanceOf(CommandNotStartedException.class);
  }

  /** One command does it all. */
  @Test
  void theWriterOfAShortFileThatFailedDoesNotWaitUntilItIsRemoved() throws Exception {
    FutureTask<Object> write = write(3);
    Thread.ofPlatform().daemon().start(write);
    Exec all = nextExec();
    answer(Samples.exited(user, all.eventId(), Exited.Reason.FAILED, null, 0, false));
    assertThatThrownBy(() -> write.get(60, TimeUnit.SECONDS))
        .hasCauseInstanceOf(CommandNotStartedException.class);
    assertRemoves(nextExec(), all.program().arguments().get(4));
  }

  /** The first may have removed it, so that "nothing ran" would be false. */
  @Test
  void theLossOfAFileCommandIsReportedThoughTheNextOneDidNotStart() throws Exception {
    FutureTask<Object> remove = remove();
    Exec first = nextExec();
    answer(Samples.exited(user, first.eventId(), Exited.Reason.LOST, Samples.NOW, 0, false));
    Exec second = nextExec();
    answer(Samples.exited(user, second.eventId(), Exited.Reason.FAILED, null, 0, false));
    assertThatThrownBy(() -> remove.get(60, TimeUnit.SECONDS))
        .hasCauseInstanceOf(CommandLostException.class);
  }

  /** A worker refuses more than its own limit. */
  @Test
  void fileCommandsAskForNoTimeout() throws Exception {
    FutureTask<Object> remove = remove();
    Exec exec = nextExec();
    assertThat(exec.timeout()).isNull();
    answer(Samples.exited(user, exec.eventId(), 0));
    assertThat(remove.get(60, TimeUnit.SECONDS)).isEqualTo("");
  }

  private FutureTask<Object> remove() {
    FutureTask<Object> remove =
        new FutureTask<>(
            () -> {
              sandbox.files().remove("/tmp/file");
              return "";
            });
    Thread.ofPlatform().daemon().start(remove);
    return remove;
  }

  private FutureTask<Object> write(int size) {
    return new FutureTask<>(
        () -> {
          sandbox.files().write("/tmp/file", new byte[size]);
          return "";
        });
  }

  @Test
  void filesOfAnExistingSandboxMakeNone() throws Exception {
    SandboxFiles files = sandbox.files().onlyInExistingSandbox();
    FutureTask<Object> write =
        new FutureTask<>(
            () -> {
              files.writeExecutable("/tmp/program", new ByteArrayInputStream(new byte[1]));
              return "";
            });
    Thread.ofPlatform().daemon().start(write);
    Exec exec = nextExec();
    assertThat(exec.ensure()).isFalse();
    assertThat(exec.program().arguments()).endsWith("/tmp/program", "1", "755");
    answer(Samples.exited(user, exec.eventId(), 0));
    assertThat(write.get(30, TimeUnit.SECONDS)).isEqualTo("");
  }

  private Exec nextExec() throws InterruptedException {
    SandboxEvent event = next();
    while (!(event instanceof Exec)) { // the piece, and the signal that ends its command
      event = next();
    }
    return (Exec) event;
  }

  private static void assertRemoves(Exec exec, String temporary) {
    assertThat(temporary).startsWith("/tmp/.zcbot-write-");
    assertThat(exec.program().arguments()).containsExactly("rm", "-rf", "--", temporary);
    assertThat(exec.ensure()).isFalse();
    assertThat(exec.timeout()).isLessThanOrEqualTo(Duration.ofSeconds(5));
    assertThat(exec.expiresAt()).isBeforeOrEqualTo(exec.requestedAt().plusSeconds(5));
  }

  // A command that was answered without a start, for a reason that may pass.

  /** The same answer, given at another time. */
  private static Exited at(Instant exitedAt, Exited exited) {
    return new Exited(
        exited.eventId(),
        exited.userId(),
        exited.execId(),
        exitedAt,
        exited.reason(),
        exited.exitCode(),
        exited.signal(),
        exited.stdout(),
        exited.stderr(),
        exited.outputCount(),
        exited.truncated(),
        exited.survivors(),
        exited.site(),
        exited.startedAt(),
        exited.tookMs(),
        exited.cpu(),
        exited.message(),
        exited.retryable());
  }

  /** Answers an exec so that it might be started for some time from now on. */
  private void answerWithoutStart(Exec exec, Duration left) {
    Exited failed = Samples.exited(user, exec.eventId(), Exited.Reason.FAILED, null, 0, true);
    answer(at(exec.expiresAt().plusSeconds(2).minus(left), failed));
  }

  private FutureTask<CommandResult> run(Consumer<OutputChunk> onOutput) {
    Command command = Command.of("true").startWithin(Duration.ofMinutes(10));
    FutureTask<CommandResult> run = new FutureTask<>(() -> sandbox.run(command, onOutput));
    Thread.ofPlatform().daemon().start(run);
    return run;
  }

  @Test
  void aCommandThatCanStartNoMoreIsRepeatedWithAnotherId() throws Exception {
    FutureTask<CommandResult> run = run(null);
    Exec first = nextExec();
    answerWithoutStart(first, Duration.ZERO);
    Exec second = nextExec();
    assertThat(second.eventId()).isNotEqualTo(first.eventId());
    answer(Samples.exited(user, second.eventId(), 0));
    assertThat(run.get(60, TimeUnit.SECONDS).isOk()).isTrue();
    assertThat(published).isEmpty();
  }

  @ParameterizedTest
  @EnumSource(names = {"EXITED", "LOST", "SANDBOX_GONE"})
  void aCommandThatWasStartedNeverthelessIsNotRepeated(Exited.Reason reason) throws Exception {
    FutureTask<CommandResult> run = run(null);
    Exec exec = nextExec();
    answerWithoutStart(exec, Duration.ofMinutes(5));
    Instant startedAt = reason == Exited.Reason.LOST ? null : Samples.NOW;
    answer(Samples.exited(user, exec.eventId(), reason, startedAt, 0, false));
    if (reason == Exited.Reason.EXITED) {
      assertThat(run.get(60, TimeUnit.SECONDS).isOk()).isTrue();
    } else {
      assertThatThrownBy(() -> run.get(60, TimeUnit.SECONDS))
          .hasCauseInstanceOf(CommandLostException.class);
    }
    assertThat(published).isEmpty();
  }

  @Test
  void aCommandThatMayBeRepeatedKeepsNoOthersFromRunningMeanwhile() throws Exception {
    FutureTask<CommandResult> run = run(null);
    Exec exec = nextExec();
    assertThat(connection.limits().users()).isOne();
    answerWithoutStart(exec, Duration.ofMinutes(5));
    await().atMost(Duration.ofSeconds(60)).until(() -> connection.limits().users() == 0);
    answer(Samples.exited(user, exec.eventId(), 0));
    assertThat(run.get(60, TimeUnit.SECONDS).isOk()).isTrue();
  }

  @Test
  void aCommandWhoseOutputComesNeverthelessIsNotRepeated() throws Exception {
    BlockingQueue<String> chunks = new LinkedBlockingQueue<>();
    FutureTask<CommandResult> run = run(chunk -> chunks.add(chunk.text()));
    Exec exec = nextExec();
    answerWithoutStart(exec, Duration.ofMinutes(5));
    answer(output(exec.eventId(), 0, OutputStreamName.STDOUT, 'a'));
    answer(Samples.exited(user, exec.eventId(), 1));
    assertThat(run.get(60, TimeUnit.SECONDS).stdout()).isEqualTo("a");
    assertThat(chunks).containsExactly("a");
    assertThat(published).isEmpty();
  }

  @Test
  void anAnswerOfAnotherAgeIsTheEndOfTheCall() throws Exception {
    FutureTask<CommandResult> run = run(null);
    Exec exec = nextExec();
    Exited failed = Samples.exited(user, exec.eventId(), Exited.Reason.FAILED, null, 0, true);
    answer(at(Instant.parse("0000-01-01T00:00:00Z"), failed));
    assertThatThrownBy(() -> run.get(60, TimeUnit.SECONDS))
        .hasCauseInstanceOf(CommandNotStartedException.class);
  }

  @Test
  void theEndOfTheClientEndsThePauseBeforeARepetition() throws Exception {
    FutureTask<CommandResult> run = run(null);
    answerWithoutStart(nextExec(), Duration.ofMinutes(5));
    connection.close();
    assertThatThrownBy(() -> run.get(60, TimeUnit.SECONDS))
        .hasCauseInstanceOf(ClientClosedException.class);
  }

  private Output output(String execId, long seq, OutputStreamName stream, int... bytes) {
    ByteArrayOutputStream data = new ByteArrayOutputStream();
    for (int each : bytes) {
      data.write(each);
    }
    return new Output(
        "o" + seq, user, execId, Samples.NOW, seq, stream, Data.of(data.toByteArray()));
  }

  private void answer(SandboxEvent event) {
    connection
        .answers()
        .accept(
            new ConsumerRecord<>(
                event.topic().named("sandbox."),
                0,
                0,
                user.toString().getBytes(StandardCharsets.UTF_8),
                codec.encode(event)));
  }
}
