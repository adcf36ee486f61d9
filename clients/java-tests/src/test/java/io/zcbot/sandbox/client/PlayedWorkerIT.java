/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zcbot.sandbox.events.CommandEntry;
import io.zcbot.sandbox.events.CommandSignal;
import io.zcbot.sandbox.events.CurrentSandbox;
import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Input;
import io.zcbot.sandbox.events.Origin;
import io.zcbot.sandbox.events.Output;
import io.zcbot.sandbox.events.OutputStreamName;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Started;
import io.zcbot.sandbox.events.TerminalSize;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.utils.Utils;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestMethodOrder;

/**
 * What the client reads of commands and sandboxes that others have started, and output that it does
 * not keep. The broker is real and the test plays the worker, because the order in which a worker
 * publishes matters, and no real one can be told to be slow in between ({@link BehavioursIT} has
 * that).
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class PlayedWorkerIT {
  private static final int PARTITIONS = 2;
  private static final Duration LONG = Duration.ofSeconds(60);

  private final EventCodec codec = new EventCodec();
  private final Queue<ConsumerRecord<byte[], byte[]>> requests = new ArrayDeque<>();
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private TestBed bed;
  private KafkaSettings kafka;
  private SandboxClient client;
  private SandboxClient another;
  private Producer<byte[], byte[]> producer;
  private org.apache.kafka.clients.consumer.Consumer<byte[], byte[]> consumer;

  @BeforeAll
  void start() throws Exception {
    bed = TestBed.withoutSandboxes();
    kafka = new KafkaSettings(Map.of("bootstrap.servers", bed.bootstrapServers()));
    List<TopicPartition> read = new ArrayList<>();
    for (Topic topic : Topic.values()) {
      bed.createTopic(topic.named("sandbox."), PARTITIONS, topic.requiredSettings());
      for (int i = 0; i < PARTITIONS && (topic == Topic.EXEC || topic == Topic.INPUT); i++) {
        read.add(new TopicPartition(topic.named("sandbox."), i));
      }
    }
    client = bed.client();
    another = bed.client();
    producer = kafka.producer().get();
    consumer = kafka.consumer();
    consumer.assign(read);
    consumer.seekToBeginning(read);
  }

  @AfterAll
  void stop() throws Exception {
    threads.shutdownNow();
    client.close();
    another.close();
    producer.close(Duration.ofSeconds(5));
    consumer.close();
    bed.close();
  }

  // --- the worker ------------------------------------------------------------------------------

  private void publish(SandboxEvent event) throws Exception {
    String topic = event.topic().named("sandbox.");
    send(new ProducerRecord<>(topic, codec.key(event), codec.encode(event)));
  }

  private void send(ProducerRecord<byte[], byte[]> record) throws Exception {
    producer.send(record).get(60, TimeUnit.SECONDS);
  }

  private static int partition(UserId user) {
    byte[] key = user.toString().getBytes(StandardCharsets.US_ASCII);
    return Utils.toPositive(Utils.murmur2(key)) % PARTITIONS;
  }

  /** Returns the next request of a user's, with its place in the log. */
  private ConsumerRecord<byte[], byte[]> next(UserId user) {
    Deadline deadline = Deadline.in(LONG);
    while (!deadline.isOver()) {
      consumer.poll(Duration.ofMillis(100)).forEach(requests::add);
      for (ConsumerRecord<byte[], byte[]> record : requests) {
        if (new String(record.key(), StandardCharsets.US_ASCII).equals(user.toString())) {
          requests.remove(record);
          return record;
        }
      }
    }
    throw new AssertionError("no request came");
  }

  private Input.Content nextInput(UserId user, String execId) throws Exception {
    ConsumerRecord<byte[], byte[]> record = next(user);
    Origin origin = new Origin(record.topic(), record.partition(), record.offset(), Instant.now());
    Input input = codec.decodeInput(record.key(), record.value(), origin);
    assertThat(input.execId()).isEqualTo(execId);
    return input.content();
  }

  private void enter(UserId user, CommandEntry entry, boolean isRemoved) throws Exception {
    send(
        new ProducerRecord<>(
            "sandbox.commands",
            partition(user),
            codec.commandKey(user, entry.execId()),
            isRemoved ? null : codec.encodeCommand(entry)));
  }

  /** Starts a command as a worker does: its entry, and its announced start. */
  private CommandEntry started(UserId user, String id, int pid) throws Exception {
    ConsumerRecord<byte[], byte[]> exec = next(user);
    assertThat(exec.topic()).isEqualTo("sandbox.exec");
    CommandEntry entry =
        new CommandEntry(
            user, id, exec.partition(), exec.offset(), Samples.CONTAINER, Connection.now(), false);
    enter(user, entry, false);
    publish(new Started("s-" + id, user, id, Connection.now(), pid, Samples.CONTAINER));
    return entry;
  }

  private void write(UserId user, String id, long seq, byte[] bytes) throws Exception {
    publish(
        new Output(
            "o" + seq, user, id, Connection.now(), seq, OutputStreamName.STDOUT, Data.of(bytes)));
  }

  private void write(UserId user, String id, long seq, String text) throws Exception {
    write(user, id, seq, text.getBytes(StandardCharsets.UTF_8));
  }

  private static Sandbox of(SandboxClient client, UserId user) {
    return client.sandbox(user);
  }

  private static Consumer<OutputPiece> to(ByteArrayOutputStream all) {
    return piece -> all.writeBytes(piece.bytes());
  }

  private static final Command CAT = Command.of("cat").openStdin().announceStart();

  // --- output that is not kept -----------------------------------------------------------------

  @Test
  void aSlowConsumerGetsAllOutputInOrderAndDelaysNobody() throws Exception {
    UserId user = Samples.user();
    byte[] content = content(40); // many times the room
    ByteArrayOutputStream got = new ByteArrayOutputStream();
    CountDownLatch isRead = new CountDownLatch(1);
    Sandbox sandbox = of(client, user);
    try (RunningCommand slow = sandbox.start(Command.of("slow").withoutKeepingOutput());
        RunningCommand other = sandbox.start(Command.of("other"))) {
      Future<Exited> end = threads.submit(() -> slow.forEachPiece(to(got, isRead)));
      for (int i = 0; i < 30; i++) {
        write(user, slow.id(), i, part(content, i));
      }
      write(user, other.id(), 0, "hello");
      publish(Samples.exited(user, other.id(), 1));
      assertThat(other.await().stdout()).isEqualTo("hello");
      assertThat(got.size()).isLessThan(PassedOutput.ROOM);
      isRead.countDown();
      for (int i = 30; i < 40; i++) { // while it is read again
        write(user, slow.id(), i, part(content, i));
      }
      publish(Samples.exited(user, slow.id(), 40));
      assertThat(end.get(60, TimeUnit.SECONDS).outputCount()).isEqualTo(40);
      assertThat(got.toByteArray()).isEqualTo(content);
      assertThat(slow.await().stdoutBytes()).isEmpty();
    }
  }

  private static byte[] content(int pieces) {
    byte[] content = new byte[pieces * 250_000];
    new Random(1).nextBytes(content);
    return content;
  }

  /** A consumer that takes one piece until it may go on. */
  private static Consumer<OutputPiece> to(ByteArrayOutputStream all, CountDownLatch isRead) {
    return piece -> {
      all.writeBytes(piece.bytes());
      awaitUninterruptibly(isRead);
    };
  }

  private static byte[] part(byte[] content, int number) {
    return Arrays.copyOfRange(content, number * 250_000, (number + 1) * 250_000);
  }

  private static void awaitUninterruptibly(CountDownLatch latch) {
    try {
      assertThat(latch.await(60, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  // --- starts ----------------------------------------------------------------------------------

  @Test
  void aStartTellsTheProcessId() throws Exception {
    UserId user = Samples.user();
    try (RunningCommand running = of(client, user).start(CAT)) {
      assertThatThrownBy(() -> running.awaitStart(Duration.ofMillis(200)))
          .isInstanceOf(NoAnswerException.class)
          .hasMessageContaining("did not start within PT0.2S");
      started(user, running.id(), 17);
      assertThat(running.awaitStart(LONG)).hasValue(17);
    }
    try (RunningCommand refused = of(client, user).start(CAT)) {
      publish(Samples.exited(user, refused.id(), Exited.Reason.NO_SANDBOX, null, 0, false));
      assertThat(refused.awaitStart(LONG)).isEmpty();
      assertThat(refused.forEachPiece(piece -> {}).reason()).isEqualTo(Exited.Reason.NO_SANDBOX);
    }
    try (RunningCommand silent = of(client, user).start(Command.of("true"))) {
      assertThatThrownBy(() -> silent.awaitStart(LONG))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("announceStart()");
    }
  }

  // --- commands of others ----------------------------------------------------------------------

  @Test
  void aCommandOfAnotherProcessIsAttachedTo() throws Exception {
    UserId user = Samples.user();
    RunningCommand own =
        of(another, user).start(CAT.terminal(new TerminalSize(80, 24)).withoutKeepingOutput());
    started(user, own.id(), 3);
    write(user, own.id(), 0, "before");
    ByteArrayOutputStream got = new ByteArrayOutputStream();
    ByteArrayOutputStream gotToo = new ByteArrayOutputStream();
    try (RunningCommand attached = of(client, user).attach(own.id());
        RunningCommand twice = of(client, user).attach(own.id())) {
      own.detach();
      of(client, user).attach(own.id()).close(); // leaves it running
      assertThat(attached.id()).isEqualTo(own.id());
      attached.stdin().write("in".getBytes(StandardCharsets.UTF_8));
      attached.stdin().close();
      attached.stdin().close();
      attached.resize(new TerminalSize(100, 30));
      attached.signal(CommandSignal.INT);
      assertThat(nextInput(user, own.id())).isEqualTo(new Input.Content.Bytes(Data.of("in")));
      assertThat(nextInput(user, own.id())).as("once").isEqualTo(new Input.Content.End());
      assertThat(nextInput(user, own.id()))
          .isEqualTo(new Input.Content.Resize(new TerminalSize(100, 30)));
      assertThat(nextInput(user, own.id())).isEqualTo(new Input.Content.Signal(CommandSignal.INT));
      write(user, own.id(), 1, "out");
      write(user, own.id(), 2, "put");
      publish(Samples.exited(user, own.id(), 3));
      assertThat(attached.forEachPiece(to(got)).reason()).isEqualTo(Exited.Reason.EXITED);
      assertThat(twice.forEachPiece(to(gotToo)).exitCode()).isZero();
    }
    assertThat(got).hasToString("output");
    assertThat(gotToo).hasToString("output");
    own.close();
    publish(new Input("last", user, Connection.now(), own.id(), new Input.Content.End()));
    assertThat(nextInput(user, own.id())).as("nobody killed it").isEqualTo(new Input.Content.End());
  }

  @Test
  void theEndOfAnAttachedCommandWithoutMoreOutputIsNotDelayed() throws Exception {
    UserId user = Samples.user();
    try (RunningCommand own = of(another, user).start(CAT)) {
      started(user, own.id(), 3);
      write(user, own.id(), 0, "before");
      try (RunningCommand attached = of(client, user).attach(own.id())) {
        publish(Samples.exited(user, own.id(), 1));
        long began = System.nanoTime();
        ByteArrayOutputStream got = new ByteArrayOutputStream();
        assertThat(attached.forEachPiece(to(got)).exitCode()).isZero();
        assertThat(Duration.ofNanos(System.nanoTime() - began)).isLessThan(Duration.ofSeconds(20));
        assertThat(got.size()).isZero();
      }
    }
  }

  @Test
  void whatDoesNotRunIsNotAttachedTo() throws Exception {
    UserId user = Samples.user();
    Sandbox sandbox = of(client, user);
    assertNotRunning(sandbox, "never");
    try (RunningCommand answered = of(another, user).start(CAT);
        RunningCommand late = of(another, user).start(CAT);
        RunningCommand removed = of(another, user).start(CAT)) {
      CommandEntry entry = started(user, answered.id(), 3);
      enter(user, entry.asAnswered(), false);
      assertNotRunning(sandbox, answered.id());
      enter(user, entry, false); // by a former owner of the partition
      assertNotRunning(sandbox, answered.id());
      started(user, late.id(), 4);
      publish(Samples.exited(user, late.id(), 0)); // and the table does not say so yet
      assertNotRunning(sandbox, late.id());
      enter(user, started(user, removed.id(), 5), true);
      assertNotRunning(sandbox, removed.id());
    }
    try (SandboxClient replied =
        bed.client(ClientOptions.defaults().withReplyTopic("sandbox.reply.x"))) {
      assertThatThrownBy(() -> of(replied, user).attach("x"))
          .isInstanceOf(InvalidRequestException.class)
          .hasMessageContaining("replyTopic");
    }
  }

  private static void assertNotRunning(Sandbox sandbox, String execId) {
    assertThatThrownBy(() -> sandbox.attach(execId))
        .isInstanceOf(CommandNotRunningException.class)
        .hasMessageContaining(execId);
  }

  @Test
  void theCommandsThatRunAreListed() throws Exception {
    UserId user = Samples.user();
    assertThat(of(client, user).commands()).isEmpty();
    try (RunningCommand first =
            of(another, user)
                .start(CAT.cwd("/tmp").env("A", "b").terminal(new TerminalSize(9, 8)));
        RunningCommand silent = of(another, user).start(Command.shell("sleep 1"));
        RunningCommand ended = of(another, user).start(CAT);
        RunningCommand _ = of(another, Samples.user()).start(CAT)) {
      CommandEntry entry = started(user, first.id(), 17);
      started(user, silent.id(), 18);
      enter(user, started(user, ended.id(), 19).asAnswered(), false);
      enter(
          user,
          new CommandEntry(
              user, "gone", partition(user), 1 << 30, Samples.CONTAINER, Samples.NOW, false),
          false);
      List<RunningEntry> commands = of(client, user).commands();
      assertThat(commands)
          .extracting(RunningEntry::execId)
          .containsExactly(first.id(), silent.id(), "gone");
      RunningEntry listed = commands.getFirst();
      assertThat(listed.startedAt()).isEqualTo(entry.startedAt());
      assertThat(listed.pid()).isEqualTo(OptionalInt.of(17));
      assertThat(listed.exec().program()).isEqualTo(new Exec.Program.Command(List.of("cat")));
      assertThat(listed.exec().directory()).isEqualTo("/tmp");
      assertThat(listed.exec().environment()).isEqualTo(Map.of("A", "b"));
      assertThat(listed.exec().terminal()).isEqualTo(new TerminalSize(9, 8));
      assertThat(listed.exec().requestedBy()).isEqualTo("client-java");
      assertThat(commands.get(1).pid()).as("not announced").isEmpty();
      assertThat(commands.get(1).exec().program()).isEqualTo(new Exec.Program.Shell("sleep 1"));
      assertThat(commands.get(2).exec()).isNull();
      assertThat(commands.get(2).pid()).isEmpty();
    }
  }

  // --- current sandboxes -----------------------------------------------------------------------

  private CurrentSandbox current(UserId user, String readyId) throws Exception {
    CurrentSandbox current = new CurrentSandbox(readyId, user, Connection.now(), Samples.CONTAINER);
    send(
        new ProducerRecord<>(
            "sandbox.current", codec.currentKey(user), codec.encodeCurrent(current)));
    return current;
  }

  private void noCurrent(UserId user) throws Exception {
    send(new ProducerRecord<>("sandbox.current", codec.currentKey(user), null));
  }

  @Test
  void theTableHasWhatWasWrittenBefore() throws Exception {
    UserId before = Samples.user();
    CurrentSandbox first = current(before, "r1");
    try (SandboxTable table = client.sandboxes()) {
      assertThat(table.awaitCurrent(LONG)).isTrue();
      assertThat(table.get(before)).contains(first);
      for (int i = 0; i < 50; i++) {
        UserId user = Samples.user();
        CurrentSandbox current = current(user, "r" + i);
        assertThat(table.awaitCurrent(LONG)).isTrue();
        assertThat(table.get(user)).contains(current);
        if (i % 2 == 0) {
          noCurrent(user);
          assertThat(table.awaitCurrent(LONG)).isTrue();
          assertThat(table.get(user)).isEmpty();
        }
      }
      bed.forge(Topic.CURRENT, before.toString(), new byte[] {1});
      CurrentSandbox last = current(before, "r2");
      assertThat(table.awaitCurrent(LONG)).isTrue();
      assertThat(table.all()).contains(last).doesNotContain(first).hasSizeGreaterThanOrEqualTo(26);
    }
  }

  @Test
  void aTableThatIsTooLargeSaysSo() throws Exception {
    UserId user = Samples.user();
    current(user, "r1");
    current(Samples.user(), "r2");
    try (SandboxTable table = client.sandboxes(1000)) {
      assertThatThrownBy(() -> table.awaitCurrent(LONG))
          .isInstanceOf(SandboxException.class)
          .hasMessageContaining("sandbox.current takes more than 1000 bytes")
          .hasMessageContaining("sandboxes(long)");
      assertThatThrownBy(() -> table.get(user)).hasMessageContaining("more than 1000 bytes");
      assertThatThrownBy(table::all).hasMessageContaining("more than 1000 bytes");
    }
  }

  @Test
  void aClosedTableAndAClosedClientSaySo() throws Exception {
    SandboxClient closing = bed.client();
    SandboxTable table = closing.sandboxes();
    assertThat(table.awaitCurrent(LONG)).isTrue();
    closing.close();
    assertThatThrownBy(() -> table.awaitCurrent(LONG)).isInstanceOf(ClientClosedException.class);
    assertThatThrownBy(closing::sandboxes).isInstanceOf(ClientClosedException.class);
    assertThatThrownBy(() -> of(closing, Samples.user()).commands())
        .isInstanceOf(ClientClosedException.class);
    assertThatThrownBy(() -> of(closing, Samples.user()).attach("x"))
        .isInstanceOf(ClientClosedException.class);
  }

  /** The last one, because the broker forgets nothing and the others need it. */
  @Test
  @Order(Integer.MAX_VALUE)
  void withoutBrokersNothingWaitsForLongerAndNothingIsLost() throws Exception {
    UserId user = Samples.user();
    byte[] content = content(12);
    ByteArrayOutputStream got = new ByteArrayOutputStream();
    CountDownLatch isRead = new CountDownLatch(1);
    try (SandboxTable table = client.sandboxes();
        RunningCommand slow = of(client, user).start(CAT.withoutKeepingOutput())) {
      Future<Exited> end = threads.submit(() -> slow.forEachPiece(to(got, isRead)));
      for (int i = 0; i < 12; i++) {
        write(user, slow.id(), i, part(content, i));
      }
      started(user, slow.id(), 3); // read after the output
      assertThat(slow.awaitStart(LONG)).hasValue(3);
      CurrentSandbox current = current(user, "r");
      assertThat(table.awaitCurrent(LONG)).isTrue();
      bed.stopBroker();
      isRead.countDown();
      long began = System.nanoTime();
      assertThat(table.awaitCurrent(Duration.ofSeconds(2))).isFalse();
      assertThat(Duration.ofNanos(System.nanoTime() - began)).isLessThan(Duration.ofSeconds(10));
      assertThat(table.get(user)).contains(current);
      assertThatThrownBy(() -> end.get(5, TimeUnit.SECONDS)).isInstanceOf(TimeoutException.class);
      bed.startBroker();
      assertThat(table.awaitCurrent(LONG)).isTrue();
      noCurrent(user);
      assertThat(table.awaitCurrent(LONG)).isTrue();
      assertThat(table.get(user)).isEmpty();
      publish(Samples.exited(user, slow.id(), 12));
      assertThat(end.get(60, TimeUnit.SECONDS).exitCode()).isZero();
      assertThat(got.toByteArray()).isEqualTo(content);
    }
  }
}
