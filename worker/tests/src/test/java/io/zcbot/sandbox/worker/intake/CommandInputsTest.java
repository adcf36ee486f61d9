/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.stream.Collectors.toMap;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.CommandSignal;
import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.Input;
import io.zcbot.sandbox.events.Origin;
import io.zcbot.sandbox.events.TerminalSize;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.StoppedException;
import io.zcbot.sandbox.worker.commands.CommandInput;
import io.zcbot.sandbox.worker.commands.CommandKey;
import io.zcbot.sandbox.worker.commands.ReadInput;
import io.zcbot.sandbox.worker.kafka.ForwardedFrom;
import io.zcbot.sandbox.worker.kafka.PartitionOffsets;
import io.zcbot.sandbox.worker.testkit.ManualTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.ToLongFunction;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.MockConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.record.TimestampType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Every command gets its inputs once and in order, however it reads them. */
class CommandInputsTest {
  private static final TopicPartition PARTITION = new TopicPartition("sandbox.input", 0);
  private static final UserId ANNA = new UserId(new UUID(1, 1));

  /** Has a different place from Anna's: only some users share one. */
  private static final UserId BEN = new UserId(new UUID(2, 5));

  private static final CommandKey KEY = new CommandKey(ANNA, "exec");

  private final EventCodec codec = new EventCodec();
  private final FakeCommands commands = new FakeCommands();
  private final ManualTime time = new ManualTime(0);
  private final AtomicInteger dropped = new AtomicInteger();
  private final AtomicInteger consumers = new AtomicInteger();
  private final AtomicInteger openConsumers = new AtomicInteger();
  private final AtomicInteger mostConsumers = new AtomicInteger();
  private final AtomicInteger slowAnswers = new AtomicInteger();

  /** If answers are slow, the first one of each consumer waits for this, and takes two seconds. */
  private volatile CountDownLatch answers = new CountDownLatch(0);

  private volatile boolean isSlow;

  /** Whether detours hand something over before whoever starts them goes on. */
  private volatile boolean isOvertaken;

  /** Whether another user's input comes with each poll. */
  private volatile boolean isBusy;

  private final List<ConsumerRecord<byte[], byte[]>> log = new ArrayList<>();

  /** The offsets at which consumers began to read. */
  private final List<Long> begun = new CopyOnWriteArrayList<>();

  private final CommandInputs inputs =
      new CommandInputs(
          commands,
          new InputDetours(this::consumer, new HashBuckets(1), time) {
            @Override
            InputDetour begin(
                CommandInputs owner,
                CommandKey key,
                CommandInput to,
                TopicPartition partition,
                ToLongFunction<Consumer<byte[], byte[]>> start,
                long signalsBefore,
                List<ReadInput> newer) {
              InputDetour detour =
                  super.begin(owner, key, to, partition, start, signalsBefore, newer);
              if (isOvertaken) {
                await().until(() -> !commands.taken(key).isEmpty());
              }
              return detour;
            }
          },
          time,
          new IntakeMetrics() {
            @Override
            public void inputsDropped(int count) {
              dropped.addAndGet(count);
            }
          });

  @BeforeEach
  void begin() {
    inputs.begin(Map.of(PARTITION, new PartitionOffsets.Span(0, 0)));
  }

  @AfterEach
  void close() {
    inputs.close();
    await("no detour goes on").until(() -> openConsumers.get() == 0);
  }

  /** A consumer of the records that are in the log by then. */
  private Consumer<byte[], byte[]> consumer() {
    consumers.incrementAndGet();
    mostConsumers.accumulateAndGet(openConsumers.incrementAndGet(), Math::max);
    return new MockConsumer<>("earliest") {
      private boolean isAnswered;

      @Override
      public synchronized void seek(TopicPartition partition, long offset) {
        if (!isAnswered) {
          begun.add(offset);
        }
        super.seek(partition, offset);
      }

      @Override
      public synchronized void close() {
        super.close();
        openConsumers.decrementAndGet();
      }

      @Override
      public synchronized ConsumerRecords<byte[], byte[]> poll(Duration timeout) {
        if (Thread.currentThread().isInterrupted()) { // as a real one; else it polls for ever
          throw new InterruptException("the worker stops");
        }
        if (isBusy) {
          LockSupport.parkNanos(1_000_000);
          append(BEN, "other", bytes("z"));
        }
        if (isSlow && !isAnswered) {
          time.pass(Duration.ofSeconds(2));
          slowAnswers.incrementAndGet();
          awaitAnswers();
        }
        isAnswered = true;
        long from = position(PARTITION);
        List<ConsumerRecord<byte[], byte[]>> next;
        synchronized (log) {
          next = log.stream().filter(record -> record.offset() >= from).limit(10).toList();
        }
        if (next.isEmpty()) {
          return ConsumerRecords.empty();
        }
        seek(PARTITION, next.getLast().offset() + 1);
        return new ConsumerRecords<>(Map.of(PARTITION, next), Map.of());
      }

      @Override
      public synchronized Map<TopicPartition, OffsetAndTimestamp> offsetsForTimes(
          Map<TopicPartition, Long> times, Duration timeout) {
        long from = times.get(PARTITION);
        synchronized (log) {
          return log.stream()
              .filter(record -> record.timestamp() >= from)
              .limit(1)
              .collect(
                  toMap(
                      _ -> PARTITION,
                      record -> new OffsetAndTimestamp(record.offset(), record.timestamp())));
        }
      }
    };
  }

  private void awaitAnswers() {
    try {
      assertThat(answers.await(60, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new InterruptException(e);
    }
  }

  /** Appends an input, and has the follower read it. */
  private void publish(String execId, Input.Content content) {
    accept(append(execId, content));
  }

  private ConsumerRecord<byte[], byte[]> append(String execId, Input.Content content) {
    return append(ANNA, execId, content);
  }

  private ConsumerRecord<byte[], byte[]> append(UserId user, String execId, Input.Content content) {
    Input input = new Input("id", user, Instant.EPOCH, execId, content);
    synchronized (log) {
      ConsumerRecord<byte[], byte[]> record =
          new ConsumerRecord<>(
              PARTITION.topic(),
              0,
              log.size(),
              time.now().toEpochMilli(),
              TimestampType.CREATE_TIME,
              ConsumerRecord.NULL_SIZE,
              ConsumerRecord.NULL_SIZE,
              user.toString().getBytes(UTF_8),
              codec.encode(input),
              new RecordHeaders(),
              Optional.empty());
      log.add(record);
      return record;
    }
  }

  private void accept(ConsumerRecord<byte[], byte[]> record) {
    try {
      inputs.accept(
          record,
          codec.decodeInput(
              record.key(), record.value(), ForwardedFrom.originOf(record, Topic.INPUT)));
    } catch (io.zcbot.sandbox.events.EventFormatException e) {
      throw new AssertionError(e);
    }
  }

  private static Input.Content bytes(String text) {
    return new Input.Content.Bytes(Data.of(text));
  }

  private static Input.Content signal() {
    return new Input.Content.Signal(CommandSignal.INT);
  }

  @Test
  void aCommandThatIsKnownGetsItsInputAtOnce() {
    commands.begin(KEY);
    publish("exec", bytes("a"));
    publish("exec", new Input.Content.End());
    assertThat(commands.taken(KEY)).containsExactly("a", "END");
  }

  @Test
  void whatComesBeforeTheCommandIsKnownWaitsForIt() {
    publish("exec", bytes("a"));
    publish("exec", signal());
    publish("exec", bytes("b"));
    commands.begin(KEY);
    known();
    publish("exec", bytes("c"));
    assertThat(commands.taken(KEY)).containsExactly("a", "INT", "b", "c");
    assertThat(inputs.bytes()).isZero();
    assertThat(consumers).hasValue(0);
  }

  /** They may be forwarded twice, and their command drops what it has. */
  @Test
  void aCommandLearnsWhereItsInputsWereForwardedFromWhicheverWayTheyTake() {
    publishForwarded("waits", 1);
    commands.begin(KEY);
    known();
    publishForwarded("at once", 2);
    publish("exec", bytes("not forwarded"));
    commands.room(KEY, 0);
    publishForwarded("detour", 3);
    commands.room(KEY, 1000);
    await().until(() -> commands.taken(KEY).size() == 4);
    assertThat(commands.forwardedFrom(KEY))
        .allMatch(from -> from.partition() == 5)
        .extracting(Origin::offset)
        .containsExactly(1L, 2L, 3L);
  }

  private void publishForwarded(String text, int from) {
    ConsumerRecord<byte[], byte[]> record = append("exec", bytes(text));
    record.headers().add("zcbot_forwarded", ("5-" + from + "@0").getBytes(UTF_8));
    accept(record);
  }

  @Test
  void inputForNobodyIsDroppedAndCounted() {
    publish("other", bytes("a"));
    publish("other", bytes("b"));
    time.pass(CommandInputs.LONGEST_WAIT.plusSeconds(1));
    inputs.tick();
    assertThat(dropped).hasValue(2);
    assertThat(inputs.bytes()).isZero();
  }

  @Test
  void whatDoesNotFitWhileItWaitsIsReadAgainFromTheLog() {
    String large = "x".repeat(500_000);
    for (int i = 0; i < 20; i++) {
      publish("exec", bytes(i + large));
    }
    publish("exec", signal());
    assertThat(inputs.bytes()).isLessThanOrEqualTo(CommandInputs.MAX_BYTES);
    commands.begin(KEY);
    isOvertaken = true;
    known();
    publish("exec", bytes("last"));
    await().until(() -> commands.taken(KEY).contains("last"));
    List<String> taken = new ArrayList<>(commands.taken(KEY));
    assertThat(taken.removeFirst()).as("what is newer than bytes passes them").isEqualTo("INT");
    assertThat(taken).hasSize(21).endsWith("last");
    for (int i = 0; i < 20; i++) {
      assertThat(taken.get(i)).isEqualTo(i + large);
    }
    assertThat(dropped).hasValueGreaterThan(0);
  }

  @Test
  void manyUnknownCommandsTakeNoMoreThanTheBound() {
    for (int i = 0; i < 7_500; i++) { // without their inputs, 7,171 fit
      publish("exec " + i, bytes("x".repeat(2_000)));
    }
    assertThat(inputs.bytes()).isLessThanOrEqualTo(CommandInputs.MAX_BYTES);
    assertThat(dropped).hasValueGreaterThan(0);
  }

  @Test
  void inputThatWasDroppedBeforeItsExecWasReadIsReadAgain() {
    publish("exec", bytes("a"));
    publishForOthers();
    assertThat(dropped).hasValueGreaterThan(0);
    publish("exec", bytes("b"));
    commands.begin(KEY);
    known();
    publish("exec", bytes("c"));
    await().until(() -> commands.taken(KEY).equals(List.of("a", "b", "c")));
  }

  /** Not from a minute and more before, in which others may have sent very much. */
  @Test
  void whatWasDroppedIsReadAgainFromItsFirstRecordOn() {
    for (int i = 0; i < 20; i++) {
      publish("other", bytes("x"));
      time.pass(Duration.ofSeconds(1));
    }
    publish("exec", bytes("a"));
    publish("exec", bytes("b"));
    time.pass(CommandInputs.LONGEST_WAIT.plusSeconds(1));
    inputs.tick();
    commands.begin(KEY);
    inputs.known(KEY, commands.inputOf(KEY), PARTITION, time.now(), false);
    await().until(() -> commands.taken(KEY).equals(List.of("a", "b")));
    assertThat(begun).containsExactly(20L);
  }

  @Test
  void inputThatWaitedForTooLongIsReadAgainIfItsExecIsReadAfterAll() {
    publish("exec", bytes("a"));
    time.pass(CommandInputs.LONGEST_WAIT.plusSeconds(1));
    inputs.tick();
    assertThat(dropped).hasValue(1);
    publish("exec", bytes("b"));
    commands.begin(KEY);
    known();
    await().until(() -> commands.taken(KEY).equals(List.of("a", "b")));
  }

  @Test
  void aSignalBehindTheEndOfTheInputIsReadAgainAsWell() {
    publish("exec", bytes("a"));
    publish("exec", new Input.Content.End());
    publish("exec", signal());
    time.pass(CommandInputs.LONGEST_WAIT.plusSeconds(1));
    inputs.tick();
    commands.begin(KEY);
    known();
    await().until(() -> commands.taken(KEY).equals(List.of("a", "END", "INT")));
  }

  /** Others' detours may take minutes, and the signal may be there to stop the command. */
  @Test
  void aSignalThatWaitsNeedsNoTurnThoughEarlierInputOfItsCommandWasDropped() {
    List<CommandKey> others = haveAllTurnsTaken();
    publish("exec", bytes("a"));
    time.pass(CommandInputs.LONGEST_WAIT.plusSeconds(1));
    inputs.tick();
    assertThat(dropped).hasValue(1);
    publish("exec", bytes("b"));
    publish("exec", signal());
    commands.begin(KEY);
    known();
    assertThat(commands.taken(KEY)).containsExactly("INT");
    others.forEach(commands::end);
    answers.countDown();
    await().until(() -> commands.taken(KEY).equals(List.of("INT", "a", "b")));
  }

  /** Behind where the follower was, all are signals, which it delivers. */
  @Test
  void aDetourToACommandWithoutInputReadsNoFurtherThanTheFollowerHadRead() {
    publish("exec", signal());
    time.pass(CommandInputs.LONGEST_WAIT.plusSeconds(1));
    inputs.tick();
    commands.beginWithoutInput(KEY);
    knownWhileOthersWriteFasterThanItReads();
    await().until(() -> consumers.get() == 1 && openConsumers.get() == 0);
    assertThat(commands.taken(KEY)).containsExactly("INT");
  }

  @Test
  void aDetourBehindTheEndOfTheInputReadsNoFurtherThanTheFollowerHadReadEither() {
    publish("exec", bytes("a"));
    publish("exec", new Input.Content.End());
    publish("exec", signal());
    time.pass(CommandInputs.LONGEST_WAIT.plusSeconds(1));
    inputs.tick();
    commands.begin(KEY);
    knownWhileOthersWriteFasterThanItReads();
    await().until(() -> consumers.get() == 1 && openConsumers.get() == 0);
    assertThat(commands.taken(KEY)).containsExactly("a", "END", "INT");
  }

  private void knownWhileOthersWriteFasterThanItReads() {
    isBusy = true;
    isSlow = true;
    answers = new CountDownLatch(1);
    known();
    inputs.advance(Map.of(PARTITION, new OffsetAndMetadata(1_000_000_000)));
    answers.countDown();
  }

  /** Takes all turns; they last until the answers arrive. */
  private List<CommandKey> haveAllTurnsTaken() {
    List<CommandKey> others = IntStream.range(0, 8).mapToObj(CommandInputsTest::other).toList();
    isSlow = true;
    answers = new CountDownLatch(1);
    beginDetours(others, 1);
    await().until(() -> slowAnswers.get() == 8);
    return others;
  }

  @Test
  void inputThatWasDroppedBeforeItsExecWasPublishedIsReadAgain() {
    publish("exec", bytes("a"));
    time.pass(CommandInputs.LONGEST_WAIT.plusSeconds(1));
    inputs.tick();
    time.pass(CommandPartitions.INPUT_WINDOW.minusSeconds(1));
    publish("exec", bytes("b"));
    commands.begin(KEY);
    inputs.known(KEY, commands.inputOf(KEY), PARTITION, time.now(), false);
    await().until(() -> commands.taken(KEY).equals(List.of("a", "b")));
  }

  @Test
  void anotherCommandsInputThatWasDroppedHasNothingReadAgain() {
    publish("other", bytes("a"));
    time.pass(CommandInputs.LONGEST_WAIT.plusSeconds(1));
    inputs.tick();
    assertThat(dropped).hasValue(1);
    commands.begin(KEY);
    known();
    await().during(Duration.ofMillis(200)).until(() -> consumers.get() == 0);
  }

  /** Each detour reads more than a minute and a half of the log. */
  @Test
  void manyCommandsThatAreMadeUpHaveTheLogReadForHardlyAnyOther() {
    int madeUp = 5_000;
    for (int i = 0; i < madeUp; i++) {
      accept(append(new UserId(new UUID(7, i)), "exec", bytes("x")));
    }
    time.pass(CommandInputs.LONGEST_WAIT.plusSeconds(1));
    inputs.tick();
    assertThat(dropped).hasValue(madeUp);
    List<CommandKey> execs = IntStream.range(0, 100).mapToObj(CommandInputsTest::other).toList();
    for (CommandKey exec : execs) {
      commands.begin(exec);
      inputs.known(exec, commands.inputOf(exec), PARTITION, Instant.EPOCH, false);
    }
    await().during(Duration.ofMillis(200)).until(() -> consumers.get() < 20);
  }

  @Test
  void inputThatWasDroppedLongBeforeAnExecHasNothingReadAgain() {
    publish("exec", bytes("a"));
    time.pass(CommandInputs.LONGEST_WAIT.plusSeconds(1));
    inputs.tick();
    time.pass(CommandPartitions.INPUT_WINDOW.plusSeconds(1));
    publish("exec", bytes("b"));
    commands.begin(KEY);
    inputs.known(KEY, commands.inputOf(KEY), PARTITION, time.now(), false);
    assertThat(commands.taken(KEY)).containsExactly("b");
    assertThat(consumers).hasValue(0);
  }

  @Test
  void aCommandGetsNothingBeforeWhatIsReadAgainForIt() {
    append("exec", bytes("a"));
    commands.begin(KEY);
    inputs.known(KEY, commands.inputOf(KEY), PARTITION, Instant.EPOCH, true);
    publish("exec", bytes("b"));
    await().until(() -> commands.taken(KEY).size() > 1);
    publish("exec", bytes("c"));
    await().until(() -> commands.taken(KEY).contains("c"));
    assertThat(commands.taken(KEY)).containsExactly("a", "b", "c");
  }

  private void known() {
    inputs.known(KEY, commands.inputOf(KEY), PARTITION, Instant.EPOCH, false);
  }

  /** Publishes inputs of unknown commands, more than may wait. */
  private void publishForOthers() {
    for (int i = 0; i < 4_000; i++) { // some 3,870 may wait
      accept(append(BEN, "%04d".formatted(i) + "ж".repeat(250), bytes("x")));
    }
  }

  @Test
  void aTerminalKeepsItsLastSizeThoughAnOlderOneIsReadAgain() {
    List<CommandKey> others = haveAllTurnsTaken();
    append("exec", columns(80));
    append("exec", signal());
    accept(append("other", bytes("z")));
    commands.begin(KEY);
    inputs.known(KEY, commands.inputOf(KEY), PARTITION, Instant.EPOCH, true);
    publish("exec", columns(120));
    others.forEach(commands::end);
    answers.countDown();
    await().until(() -> commands.taken(KEY).contains("INT"));
    assertThat(commands.taken(KEY)).containsExactly("120 columns", "INT");
  }

  @Test
  void aTerminalKeepsTheSizeThatWaitedThoughAnOlderOneIsReadAgain() {
    List<CommandKey> others = haveAllTurnsTaken();
    append("exec", columns(80));
    append("exec", signal());
    publish("exec", columns(120));
    commands.begin(KEY);
    inputs.known(KEY, commands.inputOf(KEY), PARTITION, Instant.EPOCH, true);
    others.forEach(commands::end);
    answers.countDown();
    await().until(() -> commands.taken(KEY).contains("INT"));
    assertThat(commands.taken(KEY)).containsExactly("120 columns", "INT");
  }

  private static Input.Content columns(int columns) {
    return new Input.Content.Resize(new TerminalSize(columns, 24));
  }

  @Test
  void aCommandThatTakesNoMoreGetsTheRestFromTheLogAndThenAgainAtOnce() {
    commands.begin(KEY);
    commands.room(KEY, 2);
    for (int i = 0; i < 50; i++) {
      publish("exec", bytes("%02d".formatted(i)));
      publish("other", bytes("%02d".formatted(i)));
    }
    assertThat(commands.taken(KEY)).containsExactly("00");
    for (int i = 1; i < 50; i++) {
      int taken = i + 1;
      commands.room(KEY, 2);
      await().pollInterval(Duration.ofMillis(10)).until(() -> commands.taken(KEY).size() == taken);
    }
    commands.room(KEY, 1000);
    // Once the log is read to its end, the follower delivers again.
    await()
        .until(
            () -> {
              int before = consumers.get();
              publish("exec", bytes("."));
              return before == consumers.get() && commands.taken(KEY).getLast().equals(".");
            });
    List<String> taken = commands.taken(KEY);
    for (int i = 0; i < 50; i++) {
      assertThat(taken.get(i)).isEqualTo("%02d".formatted(i));
    }
    long dots = taken.stream().filter("."::equals).count();
    assertThat(taken).hasSize(50 + (int) dots);
  }

  @Test
  void aSignalPassesStandardInputThatIsNotTaken() {
    commands.begin(KEY);
    commands.room(KEY, 0);
    publish("exec", bytes("a"));
    publish("exec", signal());
    assertThat(commands.taken(KEY)).containsExactly("INT");
    commands.room(KEY, 1);
    await().until(() -> commands.taken(KEY).equals(List.of("INT", "a")));
  }

  @Test
  void aCommandThatEndsEndsItsDetour() {
    commands.begin(KEY);
    commands.room(KEY, 0);
    publish("exec", bytes("a"));
    commands.end(KEY);
    commands.begin(new CommandKey(ANNA, "next"));
    publish("next", bytes("b"));
    assertThat(commands.taken(new CommandKey(ANNA, "next"))).containsExactly("b");
  }

  /** At most eight detours read at a time, so each has to end. */
  @Test
  void aDetourHandsBackThoughOthersWriteAllTheTime() {
    isBusy = true;
    commands.begin(KEY);
    commands.room(KEY, 0);
    publish("exec", bytes("a"));
    commands.room(KEY, 1000);
    await().until(() -> commands.taken(KEY).equals(List.of("a")));
    await().until(() -> openConsumers.get() == 0);
    isBusy = false;
    for (ConsumerRecord<byte[], byte[]> record : List.copyOf(log).subList(1, log.size())) {
      accept(record);
    }
    publish("exec", bytes("b"));
    assertThat(commands.taken(KEY)).containsExactly("a", "b");
  }

  @Test
  void aDetourEndsWithItsCommandHoweverFarBehindItIs() {
    isBusy = true;
    commands.begin(KEY);
    commands.room(KEY, 0);
    publish("exec", bytes("a"));
    inputs.advance(Map.of(PARTITION, new OffsetAndMetadata(1_000_000_000)));
    await().until(() -> consumers.get() > 0);
    commands.end(KEY);
    await().until(() -> openConsumers.get() == 0);
    int before = consumers.get();
    await().during(Duration.ofMillis(300)).until(() -> consumers.get() == before);
  }

  private static CommandKey other(int number) {
    return new CommandKey(new UserId(new UUID(9, number)), "exec");
  }

  /** Begins commands that accept nothing, with the given number of inputs each. */
  private void beginDetours(List<CommandKey> keys, int inputs) {
    for (CommandKey key : keys) {
      commands.begin(key);
      commands.room(key, 0);
      for (int i = 0; i < inputs; i++) {
        accept(append(key.user(), key.execId(), bytes("x")));
      }
    }
  }

  @Test
  void commandsOfOneUserThatDoNotReadLeaveTurnsToOthers() {
    beginDetours(
        IntStream.range(0, 8).mapToObj(i -> new CommandKey(ANNA, "exec " + i)).toList(), 1);
    await().until(() -> consumers.get() >= 8);
    assertThat(mostConsumers).hasValueLessThanOrEqualTo(2);
    CommandKey late = new CommandKey(BEN, "exec");
    beginDetours(List.of(late), 1);
    commands.room(late, 1);
    await().until(() -> commands.taken(late).equals(List.of("x")));
  }

  /** Each record is progress, so no patience ends. */
  @Test
  void commandsThatReadSlowlyDoNotKeepOthersFromReading() {
    List<CommandKey> slow = IntStream.range(0, 8).mapToObj(CommandInputsTest::other).toList();
    beginDetours(slow, 100);
    await().until(() -> openConsumers.get() == 8);
    CommandKey late = new CommandKey(BEN, "exec");
    beginDetours(List.of(late), 1);
    commands.room(late, 1);
    await()
        .pollInterval(Duration.ofMillis(20))
        .until(
            () -> {
              time.pass(Duration.ofMillis(300));
              slow.forEach(key -> commands.room(key, 1));
              return commands.taken(late).equals(List.of("x"));
            });
    assertThat(slow).anyMatch(key -> commands.taken(key).size() < 100);
  }

  @Test
  void commandsWithMuchToReadDoSoInTurns() {
    List<CommandKey> many = IntStream.range(0, 9).mapToObj(CommandInputsTest::other).toList();
    beginDetours(many, 1);
    inputs.advance(Map.of(PARTITION, new OffsetAndMetadata(1_000_000_000)));
    isBusy = true;
    many.forEach(key -> commands.room(key, 1));
    await()
        .until(
            () -> {
              time.pass(Duration.ofMillis(300));
              return many.stream().allMatch(key -> commands.taken(key).equals(List.of("x")));
            });
  }

  /** Or a busy broker would have each turn throw away all of its answer but one record. */
  @Test
  void aTurnBeginsWithTheFirstAnswer() {
    List<CommandKey> many = IntStream.range(0, 9).mapToObj(CommandInputsTest::other).toList();
    isSlow = true;
    answers = new CountDownLatch(1);
    beginDetours(many, 10);
    await()
        .during(Duration.ofMillis(200))
        .until(() -> slowAnswers.get() == 8 && consumers.get() == 8);
    many.forEach(key -> commands.room(key, 10));
    answers.countDown();
    await().until(() -> many.stream().allMatch(key -> commands.taken(key).size() == 10));
    assertThat(consumers).hasValue(9);
  }

  /** The partition was away for a moment, and the window begins before what was read. */
  @Test
  void nothingIsDeliveredTwiceIfAPartitionComesBack() {
    commands.begin(KEY);
    publish("exec", bytes("a"));
    publish("exec", bytes("b"));
    inputs.gone(List.of(PARTITION));
    Map<TopicPartition, Long> starts =
        inputs.begin(Map.of(PARTITION, new PartitionOffsets.Span(0, 2)));
    assertThat(starts).isEqualTo(Map.of(PARTITION, 2L));
  }

  @Test
  void anExecOfBeforeTheAssignmentGetsAllItsInput() {
    accept(append("exec", bytes("a")));
    append("exec", bytes("b"));
    commands.begin(KEY);
    inputs.known(KEY, commands.inputOf(KEY), PARTITION, Instant.EPOCH, true);
    await().until(() -> commands.taken(KEY).equals(List.of("a", "b")));
    accept(log.get(1));
    assertThat(commands.taken(KEY)).containsExactly("a", "b");
    publish("exec", bytes("c"));
    await().until(() -> commands.taken(KEY).equals(List.of("a", "b", "c")));
  }

  /** Its partition goes and comes back, while its exec waits in its lane. */
  @Test
  void aSignalOfAnExecThatWasNotTakenIsReadAgain() {
    commands.begin(KEY);
    known();
    publish("exec", signal());
    commands.forget(KEY);
    inputs.notTaken(KEY, time.now());
    commands.begin(KEY);
    inputs.known(KEY, commands.inputOf(KEY), PARTITION, time.now(), false);
    await().until(() -> commands.taken(KEY).equals(List.of("INT")));
  }

  /** It may be behind many others for its turn when its partition goes and comes back. */
  @Test
  void aDetourOfAnEarlierAssignmentDeliversNothing() {
    List<CommandKey> others = haveAllTurnsTaken();
    commands.begin(KEY);
    commands.room(KEY, 0);
    publish("exec", bytes("a"));
    publish("exec", bytes("b"));
    inputs.gone(List.of(PARTITION));
    commands.end(KEY);
    commands.forget(KEY);
    inputs.begin(Map.of(PARTITION, new PartitionOffsets.Span(0, log.size())));
    commands.begin(KEY);
    inputs.known(KEY, commands.inputOf(KEY), PARTITION, Instant.EPOCH, true);
    commands.room(KEY, 1000);
    others.forEach(commands::end);
    answers.countDown();
    await().until(() -> openConsumers.get() == 0 && commands.taken(KEY).size() >= 2);
    publish("exec", bytes("c"));
    assertThat(commands.taken(KEY)).containsExactly("a", "b", "c");
  }

  /** Its turn comes while the worker stops. Its record is read again after the next start. */
  @Test
  void anExecBehindTheCloseLearnsThatTheWorkerStopped() {
    inputs.close();
    assertThatThrownBy(
            () -> inputs.known(KEY, commands.inputOf(KEY), PARTITION, Instant.EPOCH, true))
        .isInstanceOf(StoppedException.class);
  }
}
