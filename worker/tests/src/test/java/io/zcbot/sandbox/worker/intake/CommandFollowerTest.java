/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.commands.CommandKey;
import io.zcbot.sandbox.worker.commands.ExecRequest;
import io.zcbot.sandbox.worker.kafka.CommandTableReader;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import io.zcbot.sandbox.worker.kafka.PartitionOffsets;
import io.zcbot.sandbox.worker.sandbox.Ownership;
import io.zcbot.sandbox.worker.security.Row;
import io.zcbot.sandbox.worker.testkit.FakeOwnership;
import io.zcbot.sandbox.worker.testkit.FakeOwnership.State;
import io.zcbot.sandbox.worker.testkit.TimeAhead;
import java.lang.ref.WeakReference;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.MockConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.consumer.OffsetCommitCallback;
import org.apache.kafka.clients.consumer.RetriableCommitFailedException;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.record.TimestampType;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Execs are read in the partitions that the intake owns, only while it owns them. */
@Order(2)
class CommandFollowerTest {
  private static final int PARTITIONS = 4;
  private static final KeyPartitions KEYS = new KeyPartitions(PARTITIONS);
  private static final UserId ANNA = new UserId(new UUID(1, 1));
  private static final int KEY_PARTITION = KEYS.of(ANNA);
  private static final int ELSEWHERE = (KEY_PARTITION + 1) % PARTITIONS;
  private static final List<String> TOPICS =
      List.of("sandbox.exec", "sandbox.input", "sandbox.release");

  private final FakeCommands commands = new FakeCommands();
  private final List<String> diverted = new CopyOnWriteArrayList<>();
  private final Map<Integer, FakeOwnership> ownerships = new ConcurrentHashMap<>();
  private final List<CompletableFuture<Void>> reads = new CopyOnWriteArrayList<>();

  private final Map<TopicPartition, Long> ends = new HashMap<>();
  private final Broker consumer = new Broker();
  private final List<WeakReference<byte[]>> values = new CopyOnWriteArrayList<>();
  private final List<Long> forwardings = new CopyOnWriteArrayList<>();
  private final CountDownLatch firstIsForwarded = new CountDownLatch(1);
  private volatile boolean isRead = true;

  private static final class Broker extends WaitingConsumer {
    /** The commits. The real consumer does not forget them with an assignment. */
    final Map<TopicPartition, OffsetAndMetadata> commits = new ConcurrentHashMap<>();

    final Map<TopicPartition, Long> ends = new ConcurrentHashMap<>();

    /** How long answers to queries of end offsets were waited for. */
    final List<Duration> waits = new CopyOnWriteArrayList<>();

    /** Partitions whose leader is unreachable. */
    final Set<TopicPartition> unreached = ConcurrentHashMap.newKeySet();

    volatile @Nullable Exception commitFailure;

    /** How many commits were waited for. */
    final AtomicInteger waitedCommits = new AtomicInteger();

    /** The first epoch of the leader of execs after it lost their tail, and where it begins. */
    volatile int epochOfRest = 1;

    volatile long startOfRest;

    @Override
    public synchronized void commitSync(
        Map<TopicPartition, OffsetAndMetadata> offsets, Duration timeout) {
      waitedCommits.incrementAndGet();
      if (commitFailure != null) {
        throw new TimeoutException("the coordinator is away");
      }
      commits.putAll(offsets);
    }

    @Override
    public synchronized void commitAsync(
        Map<TopicPartition, OffsetAndMetadata> offsets, OffsetCommitCallback callback) {
      Exception failure = commitFailure;
      if (failure == null) {
        commits.putAll(offsets);
      }
      callback.onComplete(offsets, failure);
    }

    /** Like the client, which asks the leader where the log of the epoch ends. */
    @Override
    public synchronized void seek(TopicPartition partition, OffsetAndMetadata to) {
      boolean isLost = to.leaderEpoch().orElse(epochOfRest) < epochOfRest;
      super.seek(partition, isLost ? Math.min(to.offset(), startOfRest) : to.offset());
    }

    @Override
    public synchronized Map<TopicPartition, OffsetAndMetadata> committed(
        Set<TopicPartition> partitions, Duration timeout) {
      Map<TopicPartition, OffsetAndMetadata> committed = new HashMap<>(commits);
      committed.keySet().retainAll(partitions);
      return committed;
    }

    @Override
    public synchronized Map<TopicPartition, OffsetAndTimestamp> offsetsForTimes(
        Map<TopicPartition, Long> times, Duration timeout) {
      return Map.of();
    }

    @Override
    public synchronized Map<TopicPartition, Long> endOffsets(
        Collection<TopicPartition> partitions, Duration timeout) {
      waits.add(timeout);
      if (!timeout.isZero() && partitions.stream().anyMatch(unreached::contains)) {
        throw new TimeoutException("a leader is away");
      }
      Map<TopicPartition, Long> answer =
          partitions.stream()
              .collect(Collectors.toMap(each -> each, each -> ends.getOrDefault(each, 0L)));
      updateEndOffsets(answer); // the client's own count of what is not read goes by them
      return timeout.isZero() ? Map.of() : answer;
    }
  }

  private final TimeAhead time = new TimeAhead();

  private final AtomicInteger detours = new AtomicInteger();

  /** The instants from which detours were to read. */
  private final List<Instant> readFrom = new CopyOnWriteArrayList<>();

  private final AtomicInteger dropped = new AtomicInteger();
  private final AtomicInteger diversionsDropped = new AtomicInteger();

  /** Whether no leader answers questions about offsets. */
  private volatile boolean isSilent;

  private final PartitionOffsets offsets =
      new PartitionOffsets() {
        private final PartitionOffsets answering = new ConsumerOffsets(() -> consumer);

        @Override
        public Map<TopicPartition, CompletableFuture<Long>> ends(Collection<TopicPartition> of) {
          return isSilent ? silence(of) : answering.ends(of);
        }

        @Override
        public Map<TopicPartition, CompletableFuture<Span>> since(
            Collection<TopicPartition> of, Instant from) {
          return isSilent ? silence(of) : answering.since(of, from);
        }

        private <A> Map<TopicPartition, CompletableFuture<A>> silence(
            Collection<TopicPartition> of) {
          asked.addAll(of);
          return of.stream()
              .collect(Collectors.toMap(each -> each, _ -> new CompletableFuture<>()));
        }
      };

  private final Set<TopicPartition> asked = ConcurrentHashMap.newKeySet();

  private final CommandFollower follower =
      new CommandFollower(
          new CommandFollower.Consumers(() -> consumer, this::detour, this.offsets),
          new CommandFollower.Owned(
              number -> Objects.requireNonNullElse(ownerships.get(number), Ownership.NONE),
              this::read),
          new CommandFollower.Settings(
              new CommandFollower.Topics("sandbox.exec", "sandbox.input", "sandbox.release"),
              PARTITIONS,
              Duration.ofSeconds(60),
              100),
          (_, task) -> {
            task.run();
            return true;
          },
          commands,
          new RecordForwarding() {
            @Override
            public void deadLetter(ConsumerRecord<byte[], byte[]> record, EventFormatException e) {
              diverted.add("dead letter of " + record.topic());
            }

            @Override
            public int forward(List<ConsumerRecord<byte[], byte[]>> records, int partition)
                throws InterruptedException {
              for (ConsumerRecord<byte[], byte[]> record : records) {
                forwardings.add(record.offset());
                if (record.offset() == 0) {
                  firstIsForwarded.await();
                }
                diverted.add(record.topic() + " to " + partition);
              }
              return 0;
            }
          },
          time,
          new IntakeMetrics() {
            @Override
            public void inputsDropped(int count) {
              dropped.addAndGet(count);
            }

            @Override
            public void diversionDropped(String topic) {
              diversionsDropped.incrementAndGet();
            }
          });

  private Consumer<byte[], byte[]> detour() {
    detours.incrementAndGet();
    return new MockConsumer<>("earliest") {
      @Override
      public synchronized Map<TopicPartition, OffsetAndTimestamp> offsetsForTimes(
          Map<TopicPartition, Long> times, Duration timeout) {
        times.values().forEach(each -> readFrom.add(Instant.ofEpochMilli(each)));
        return super.offsetsForTimes(times, timeout); // fails, which ends the detour
      }
    };
  }

  private Map<Integer, CompletableFuture<CommandTableReader.Part>> read(
      Map<Integer, Ownership> partitions) {
    return partitions.keySet().stream()
        .collect(
            Collectors.toMap(
                number -> number,
                _ -> {
                  CompletableFuture<Void> read = new CompletableFuture<>();
                  CommandTableReader.Part part =
                      new CommandTableReader.Part(List.of(), reads.size());
                  reads.add(read);
                  if (isRead) {
                    read.complete(null);
                  }
                  return read.thenApply(_ -> part);
                }));
  }

  @BeforeEach
  void topics() {
    TOPICS.forEach(topic -> partitions(topic, PARTITIONS));
  }

  private void partitions(String topic, int count) {
    consumer.updatePartitions(
        topic,
        IntStream.range(0, count)
            .mapToObj(number -> new PartitionInfo(topic, number, null, null, null))
            .toList());
    for (int number = 0; number < count; number++) {
      consumer.updateBeginningOffsets(Map.of(new TopicPartition(topic, number), 0L));
      consumer.updateEndOffsets(Map.of(new TopicPartition(topic, number), 0L));
    }
  }

  @AfterEach
  void close() {
    follower.close();
  }

  private FakeOwnership own(int partition) {
    FakeOwnership held = new FakeOwnership(State.OWNED);
    ownerships.put(partition, held);
    return held;
  }

  private void startOwning(int partition) {
    own(partition);
    follower.start();
    awaitAssigned(partition);
  }

  private void awaitAssigned(int... partitions) {
    Set<TopicPartition> all =
        IntStream.of(partitions)
            .boxed()
            .flatMap(number -> TOPICS.stream().map(topic -> new TopicPartition(topic, number)))
            .collect(Collectors.toSet());
    await().until(() -> assigned().equals(all));
  }

  private Set<TopicPartition> assigned() {
    synchronized (consumer) {
      return Set.copyOf(consumer.assignment());
    }
  }

  private void publish(String topic, int partition, String json, @Nullable String forwardedFrom) {
    synchronized (consumer) {
      TopicPartition at = new TopicPartition(topic, partition);
      long offset = ends.merge(at, 1L, Long::sum) - 1;
      byte[] value = json.replace('\'', '"').getBytes(UTF_8);
      values.add(new WeakReference<>(value));
      ConsumerRecord<byte[], byte[]> record =
          new ConsumerRecord<>(
              topic,
              partition,
              offset,
              System.currentTimeMillis(),
              TimestampType.LOG_APPEND_TIME,
              0,
              0,
              ANNA.toString().getBytes(UTF_8),
              value,
              new RecordHeaders(),
              Optional.of(consumer.epochOfRest));
      if (forwardedFrom != null) {
        record.headers().add("zcbot_forwarded", forwardedFrom.getBytes(UTF_8));
      }
      consumer.addRecord(record);
    }
  }

  private void publishExec(int partition, String id) {
    publish("sandbox.exec", partition, exec(id), null);
  }

  private void publishInput(int partition, String data) {
    publish(
        "sandbox.input",
        partition,
        "{'user_id':'%s','exec_id':'one','data':'%s'}".formatted(ANNA, data),
        null);
  }

  private static final String EXEC_WITHOUT_ID =
      "{'user_id':'%s','command':['true']}".formatted(ANNA);

  private static String exec(String id) {
    return "{'user_id':'%s','event_id':'%s','command':['true']}".formatted(ANNA, id);
  }

  private static String exec(String id, String field, int length) {
    return "{'user_id':'%s','event_id':'%s','command':['true'],'%s':'%s'}"
        .formatted(ANNA, id, field, "x".repeat(length));
  }

  /** Their user's share bounds what they bring, and nobody keeps what was not understood. */
  @ParameterizedTest
  @CsvSource({"unknown, 60, 300000", "stdin, 20, 990000"})
  void largeExecsThatWaitForTheirTurnHoldUpNoOthers(String field, int count, int length) {
    startOwning(KEY_PARTITION);
    for (int i = 0; i < count; i++) {
      publish("sandbox.exec", KEY_PARTITION, exec("large-" + i, field, length), null);
    }
    await().until(() -> commands.execs.size() == count);
    await().pollDelay(Duration.ofMillis(300)).until(() -> true); // it would be paused by then
    publishExec(KEY_PARTITION, "behind them");
    await().until(() -> commands.execs.size() == count + 1);
  }

  @Test
  void theRecordOfAnExecThatWaitsIsNotKept() {
    startOwning(KEY_PARTITION);
    publish("sandbox.exec", KEY_PARTITION, exec("one", "unknown", 300_000), null);
    await().until(() -> commands.execs.size() == 1);
    publishExec(KEY_PARTITION, "two"); // what was polled before is forgotten
    await().until(() -> commands.execs.size() == 2);
    await("collection of the record's value")
        .until(
            () -> {
              System.gc();
              return values.getFirst().get() == null;
            });
  }

  private long committed(String topic, int partition) {
    OffsetAndMetadata at = consumer.commits.get(new TopicPartition(topic, partition));
    return at == null ? -1 : at.offset();
  }

  /** Commits may be refused for hours, and what is answered until then is kept in memory. */
  @Test
  void noExecIsReadWhileTooManyAreNotCommitted() {
    commands.isFull = true;
    startOwning(KEY_PARTITION);
    publishExec(KEY_PARTITION, "one");
    await().during(Duration.ofMillis(300)).until(() -> commands.execs.isEmpty());
    commands.isFull = false;
    await().until(() -> commands.execs.size() == 1);
  }

  /** In the end no exec is read any more, as the test above has it. */
  @Test
  void commitsThatFailForWhateverReasonAreReportedOnceThatLasts() {
    consumer.commitFailure = new RetriableCommitFailedException("for once");
    startOwning(KEY_PARTITION);
    publishExec(KEY_PARTITION, "one");
    await().until(() -> commands.execs.size() == 1);
    commands.execs.getFirst().done().run();
    await().during(Duration.ofMillis(300)).until(() -> follower.problem() == null);
    time.pass(Duration.ofMinutes(2));
    await().until(() -> String.valueOf(follower.problem()).contains("for once"));
    consumer.commitFailure = null;
    await().until(() -> follower.problem() == null);
    assertThat(committed("sandbox.exec", KEY_PARTITION)).isEqualTo(1);
  }

  /** The client learns the end of what it fetches only, and a partition may have no leader. */
  @Test
  void execsThatComeWhileNoneIsReadAreLagAndNothingWaitsForTheirNumber() {
    startOwning(KEY_PARTITION);
    publishExec(KEY_PARTITION, "one");
    await().until(() -> commands.execs.size() == 1);
    consumer.waits.clear();
    commands.isFull = true;
    consumer.ends.put(new TopicPartition("sandbox.exec", KEY_PARTITION), 43L);
    time.pass(Duration.ofMinutes(2));
    await().until(() -> Long.valueOf(42).equals(follower.lagByPartition().get(KEY_PARTITION)));
    assertThat(consumer.waits).isNotEmpty().containsOnly(Duration.ZERO);
  }

  @Test
  void anExecIsCommittedOnceItIsDone() {
    startOwning(KEY_PARTITION);
    publishExec(KEY_PARTITION, "one");
    publishExec(KEY_PARTITION, "two");
    await().until(() -> commands.execs.size() == 2);
    assertThat(commands.execs)
        .extracting(each -> each.exec().eventId())
        .containsExactly("one", "two");
    assertThat(commands.execs.getFirst().mayBegin().getAsBoolean()).isTrue();
    assertThat(committed("sandbox.exec", KEY_PARTITION)).isEqualTo(-1);
    commands.execs.getFirst().done().run();
    await().until(() -> committed("sandbox.exec", KEY_PARTITION) == 1);
    commands.execs.getLast().done().run();
    await().until(() -> committed("sandbox.exec", KEY_PARTITION) == 2);
  }

  /** It was sent before this worker owned the partition, and nobody tells this worker of it. */
  @Test
  void whatALateCommitOfAFormerOwnerTookBackIsCommittedAgainBeforeItCounts() {
    startOwning(KEY_PARTITION);
    publishExec(KEY_PARTITION, "one");
    await().until(() -> commands.execs.size() == 1);
    commands.execs.getFirst().done().run();
    await().until(() -> committed("sandbox.exec", KEY_PARTITION) == 1);
    consumer.commits.put(
        new TopicPartition("sandbox.exec", KEY_PARTITION), new OffsetAndMetadata(0));
    await()
        .until(
            () -> {
              time.pass(Duration.ofMinutes(1));
              return commands.committed.contains(KEY_PARTITION + ":1");
            });
    assertThat(committed("sandbox.exec", KEY_PARTITION)).isEqualTo(1);
  }

  @Test
  void nothingIsReadBeforeTheTakeover() {
    isRead = false;
    startOwning(KEY_PARTITION);
    publishExec(KEY_PARTITION, "one");
    await().pollDelay(Duration.ofMillis(400)).until(() -> reads.size() == 1);
    assertThat(commands.execs).isEmpty();
    reads.getFirst().complete(null);
    await().until(() -> commands.execs.size() == 1);
  }

  @Test
  void aTakeoverThatFailsHoldsUpNoOtherPartitionAndIsReported() {
    isRead = false;
    own(ELSEWHERE);
    own(KEY_PARTITION);
    follower.start();
    awaitAssigned(KEY_PARTITION, ELSEWHERE);
    publishExec(KEY_PARTITION, "one");
    await().until(() -> reads.size() == 2);
    reads.forEach(each -> each.completeExceptionally(new IllegalStateException("for once")));
    await().until(() -> String.valueOf(follower.progressProblem()).contains("for once"));
    isRead = true;
    ownerships.get(KEY_PARTITION).state = State.LOST;
    own(KEY_PARTITION);
    await().until(() -> commands.execs.size() == 1);
    assertThat(follower.progressProblem()).contains("for once");
  }

  /** The commands of the later assignment run by then, and nobody else would answer them. */
  @Test
  void whatIsReadAfterItsAssignmentIsNotTakenOverInTheNextOne() {
    isRead = false;
    startOwning(KEY_PARTITION);
    await().until(() -> reads.size() == 1);
    ownerships.get(KEY_PARTITION).state = State.LOST;
    own(KEY_PARTITION);
    await().until(() -> reads.size() == 2);
    onlyTheLastReadingIsTakenOver();
  }

  private void onlyTheLastReadingIsTakenOver() {
    reads.getLast().complete(null);
    publishExec(KEY_PARTITION, "one");
    await().until(() -> commands.execs.size() == 1);
    reads.getFirst().complete(null);
    publishExec(KEY_PARTITION, "two");
    await().until(() -> commands.execs.size() == 2);
    assertThat(commands.takenOver).containsExactly(reads.size() - 1L);
  }

  @ParameterizedTest
  @ValueSource(strings = {"sandbox.exec", "sandbox.input", "sandbox.release"})
  void aPartitionThatIsNotReachedHoldsUpNoOtherAndIsReported(String topic) throws Exception {
    TopicPartition away = new TopicPartition(topic, ELSEWHERE);
    consumer.unreached.add(away);
    startOwning(KEY_PARTITION);
    own(ELSEWHERE);
    await()
        .until(
            () ->
                String.valueOf(follower.problem())
                    .contains("partitions [%d] can't be reached".formatted(ELSEWHERE)));
    publishExec(KEY_PARTITION, "one");
    await().until(() -> commands.execs.size() == 1);

    ownerships.get(KEY_PARTITION).state = State.REVOKING;
    follower.leave(List.of(KEY_PARTITION)).get(60, TimeUnit.SECONDS);
    own(KEY_PARTITION);
    awaitAssigned(KEY_PARTITION);
    consumer.unreached.clear();
    time.pass(Duration.ofSeconds(5)); // the pause between two questions
    awaitAssigned(KEY_PARTITION, ELSEWHERE);
    await().until(() -> follower.problem() == null);
  }

  @Test
  void nothingIsReadBeforeTheIntakeServes() {
    own(KEY_PARTITION).state = State.TAKING_OVER;
    follower.start();
    awaitAssigned(KEY_PARTITION);
    publishExec(KEY_PARTITION, "one");
    await().pollDelay(Duration.ofMillis(400)).until(() -> true);
    assertThat(commands.execs).isEmpty();
    ownerships.get(KEY_PARTITION).state = State.OWNED;
    await().until(() -> commands.execs.size() == 1);
  }

  /** A broker whose host lost its power comes back without what it had not written. */
  @Test
  void aLogThatLostItsTailIsReadAnewAndNothingElseIsReadTwice() {
    startOwning(KEY_PARTITION);
    own(ELSEWHERE);
    awaitAssigned(KEY_PARTITION, ELSEWHERE);
    publishExec(KEY_PARTITION, "one");
    publishExec(KEY_PARTITION, "lost");
    await().until(() -> commands.execs.size() == 2);
    commands.execs.getFirst().done().run();
    await().until(() -> committed("sandbox.exec", KEY_PARTITION) == 1);

    TopicPartition execs = new TopicPartition("sandbox.exec", KEY_PARTITION);
    synchronized (consumer) {
      ends.put(execs, 1L);
      consumer.seek(execs, 1); // as the client does
      publish("sandbox.exec", ELSEWHERE, EXEC_WITHOUT_ID, null);
      publish("sandbox.release", KEY_PARTITION, "{'user_id':'%s'}".formatted(ANNA), null);
      publishExec(KEY_PARTITION, "two");
    }
    await().until(() -> reads.size() == 3);
    ends.put(execs, 1L); // the log has it, and the consumer of the test forgot it
    publishExec(KEY_PARTITION, "two");
    await().until(() -> commands.execs.size() == 4);
    assertThat(commands.execs)
        .extracting(each -> each.exec().eventId())
        .containsExactly("one", "lost", "sandbox.exec-%d-0".formatted(ELSEWHERE), "two");
    assertThat(commands.execs.get(1).mayBegin().getAsBoolean()).isFalse();
    commands.execs.getLast().done().run();
    await().until(() -> committed("sandbox.exec", KEY_PARTITION) == 2);
    assertThat(commands.releases).hasSize(1);
    assertThat(follower.problem()).isNull();
  }

  /** What was begun of the lost tail may end at any time. */
  @Test
  void whatReplacesALostTailIsReadAlthoughTheTailIsDoneMeanwhile() {
    startOwning(KEY_PARTITION);
    publishExec(KEY_PARTITION, "one");
    publishExec(KEY_PARTITION, "lost");
    await().until(() -> commands.execs.size() == 2);
    commands.execs.getFirst().done().run();
    await().until(() -> committed("sandbox.exec", KEY_PARTITION) == 1);
    commands.onGone = () -> commands.execs.get(1).done().run();

    TopicPartition execs = new TopicPartition("sandbox.exec", KEY_PARTITION);
    synchronized (consumer) {
      consumer.startOfRest = 1;
      consumer.epochOfRest = 2;
      ends.put(execs, 1L);
      consumer.seek(execs, 1); // as the client does
      publishExec(KEY_PARTITION, "two");
      publishExec(KEY_PARTITION, "three");
    }
    await().until(() -> reads.size() == 2);
    assertThat(consumer.commits.get(execs).leaderEpoch()).hasValue(1);
    ends.put(execs, 1L); // the log has them, and the consumer of the test forgot them
    publishExec(KEY_PARTITION, "two");
    publishExec(KEY_PARTITION, "three");
    await().until(() -> commands.execs.size() == 4);
    assertThat(commands.execs)
        .extracting(each -> each.exec().eventId())
        .containsExactly("one", "lost", "two", "three");
  }

  @Test
  void aPartitionThatIsTakenAwayIsLeftAndCommitted() throws Exception {
    startOwning(KEY_PARTITION);
    publishExec(KEY_PARTITION, "one");
    await().until(() -> commands.execs.size() == 1);
    commands.execs.getFirst().done().run();
    ownerships.get(KEY_PARTITION).state = State.REVOKING;
    follower.leave(List.of(KEY_PARTITION)).get();
    assertThat(assigned()).isEmpty();
    assertThat(commands.gone).containsExactly(KEY_PARTITION);
    assertThat(committed("sandbox.exec", KEY_PARTITION)).isEqualTo(1);
    assertThat(commands.execs.getFirst().mayBegin().getAsBoolean()).isFalse();
  }

  /** The group waits for the answer, and no other partition is read meanwhile. */
  @Test
  void aPartitionThatIsTakenAwayIsLeftWhileBrokersDoNotAnswerAboutOthers() throws Exception {
    startOwning(KEY_PARTITION);
    awaitAssigned(KEY_PARTITION);
    isSilent = true;
    own(ELSEWHERE);
    await().until(() -> asked.contains(new TopicPartition("sandbox.exec", ELSEWHERE)));
    publishExec(KEY_PARTITION, "one");
    await().until(() -> commands.execs.size() == 1);
    ownerships.get(KEY_PARTITION).state = State.REVOKING;
    follower.leave(List.of(KEY_PARTITION)).get(30, TimeUnit.SECONDS);
    time.pass(Duration.ofSeconds(5));
    await()
        .until(
            () ->
                String.valueOf(follower.problem())
                    .contains("partitions [%d] can't be reached".formatted(ELSEWHERE)));
  }

  @Test
  void partitionsThatAreLeftTogetherAreCommittedTogether() {
    consumer.commitFailure = new RetriableCommitFailedException("the coordinator is away");
    IntStream.range(0, PARTITIONS).forEach(this::own);
    follower.start();
    awaitAssigned(0, 1, 2, 3);
    for (int partition = 0; partition < PARTITIONS; partition++) {
      publish("sandbox.exec", partition, EXEC_WITHOUT_ID, null);
    }
    await().until(() -> commands.execs.size() == PARTITIONS);
    commands.execs.forEach(each -> each.done().run());
    follower.close();
    await().until(consumer::closed);
    assertThat(commands.gone).containsExactlyInAnyOrder(0, 1, 2, 3);
    assertThat(consumer.waitedCommits).hasValue(1);
  }

  /** A late commit would take back what the next owner committed. */
  @Test
  void nothingIsCommittedOfALostPartitionNorWhileThatIsUncertain() throws Exception {
    startOwning(KEY_PARTITION);
    publishExec(KEY_PARTITION, "one");
    await().until(() -> commands.execs.size() == 1);
    FakeOwnership held = ownerships.get(KEY_PARTITION);
    held.isCertain = false;
    await().pollDelay(Duration.ofMillis(500)).until(() -> true); // a round is over
    commands.execs.getFirst().done().run();
    await().pollDelay(OffsetCommits.INTERVAL.multipliedBy(2)).until(() -> true);
    assertThat(committed("sandbox.exec", KEY_PARTITION)).isEqualTo(-1);
    held.state = State.LOST;
    held.isCertain = true;
    follower.leave(List.of(KEY_PARTITION)).get();
    assertThat(committed("sandbox.exec", KEY_PARTITION)).isEqualTo(-1);
  }

  @Test
  void aPartitionThatComesBackIsTakenOverAgainAndItsOldRecordsDoNotCount() {
    startOwning(KEY_PARTITION);
    publishExec(KEY_PARTITION, "one");
    await().until(() -> commands.execs.size() == 1);
    ownerships.get(KEY_PARTITION).state = State.LOST;
    own(KEY_PARTITION);
    await().until(() -> reads.size() == 2);
    commands.execs.getFirst().done().run();
    assertThat(commands.execs.getFirst().mayBegin().getAsBoolean()).isFalse();
    await().pollDelay(Duration.ofMillis(500)).until(() -> true);
    assertThat(committed("sandbox.exec", KEY_PARTITION)).isEqualTo(-1);
  }

  @Test
  void recordsInTheWrongPartitionAreForwarded() {
    firstIsForwarded.countDown();
    startOwning(ELSEWHERE);
    publishExec(ELSEWHERE, "one");
    publishInput(ELSEWHERE, "x");
    publish("sandbox.release", ELSEWHERE, "{'user_id':'%s'}".formatted(ANNA), null);
    await().until(() -> diverted.size() == 3);
    assertThat(diverted)
        .containsExactlyInAnyOrder(
            "sandbox.exec to " + KEY_PARTITION,
            "sandbox.input to " + KEY_PARTITION,
            "sandbox.release to " + KEY_PARTITION);
    await().until(() -> committed("sandbox.exec", ELSEWHERE) == 1);
  }

  /** Standard input in another order is another one. */
  @Test
  void inputsInTheWrongPartitionStayInOrder() {
    startOwning(ELSEWHERE);
    publishInput(ELSEWHERE, "first");
    publishInput(ELSEWHERE, "second");
    await().until(() -> !forwardings.isEmpty());
    await().pollDelay(Duration.ofMillis(300)).until(() -> true); // the second is read by then
    assertThat(forwardings).containsExactly(0L);
    firstIsForwarded.countDown();
    await().until(() -> diverted.size() == 2);
    assertThat(forwardings).containsExactly(0L, 1L);
  }

  private long read(String topic) {
    synchronized (consumer) {
      return consumer.position(new TopicPartition(topic, ELSEWHERE));
    }
  }

  /** Nobody's execs would have been read until the leader of that partition is back. */
  @Test
  void execsForAPartitionThatTakesNothingStopTheReadingOfNoOthers() {
    own(KEY_PARTITION);
    own(ELSEWHERE);
    follower.start();
    awaitAssigned(KEY_PARTITION, ELSEWHERE);
    publishLargeExecs(9);
    await().until(() -> read("sandbox.exec") == 9);
    publishLargeExecs(9);
    publishExec(KEY_PARTITION, "one");
    await().until(() -> commands.execs.size() == 1);
    assertThat(read("sandbox.exec")).isEqualTo(9);
    firstIsForwarded.countDown();
    await().until(() -> diverted.size() == 18);
  }

  private void publishLargeExecs(int number) {
    synchronized (consumer) { // so that one poll returns them
      for (int i = 0; i < number; i++) {
        publish("sandbox.exec", ELSEWHERE, exec("large", "stdin", 990_000), null);
      }
    }
  }

  /** Nobody's commands would have got any input until the leader of that partition is back. */
  @Test
  void inputsForAPartitionThatTakesNothingStopTheReadingOfNoOthers() {
    startOwning(ELSEWHERE);
    synchronized (consumer) { // so that one poll returns them
      for (int i = 0; i < 1100; i++) {
        publishInput(ELSEWHERE, "x");
      }
    }
    await().until(() -> read("sandbox.input") == 1100);
    publishInput(ELSEWHERE, "x");
    await().during(Duration.ofSeconds(1)).until(() -> read("sandbox.input") == 1100);
    time.pass(Diversions.PATIENCE);
    await().until(() -> diversionsDropped.get() == 1);
    assertThat(read("sandbox.input")).isEqualTo(1101);
    assertThat(forwardings).as("the others wait").containsExactly(0L);
    firstIsForwarded.countDown();
    await().until(() -> diverted.size() == 1100);
  }

  /**
   * Its command may run there: it was forwarded before, and this worker's predecessor was killed.
   */
  @Test
  void anExecInTheWrongPartitionIsForwardedAlthoughItIsExpired() {
    firstIsForwarded.countDown();
    startOwning(ELSEWHERE);
    publish(
        "sandbox.exec",
        ELSEWHERE,
        ("{'user_id':'%s','event_id':'one','command':['true'],"
                + "'expires_at':'2001-01-01T00:00:00Z'}")
            .formatted(ANNA),
        null);
    await().until(() -> !diverted.isEmpty() || !commands.execs.isEmpty());
    assertThat(diverted).containsExactly("sandbox.exec to " + KEY_PARTITION);
    assertThat(commands.execs).isEmpty();
  }

  /**
   * It would take the place of the exec that lies there, or will: that one never runs, because an
   * exec with its id was answered.
   */
  @Test
  @Row(72)
  void noExecCanHaveThePositionOfAnotherAsItsId() {
    startOwning(KEY_PARTITION);
    String forged = "sandbox.exec-%d-9".formatted(KEY_PARTITION);
    publish("sandbox.exec", KEY_PARTITION, exec(forged), null);
    await().until(() -> diverted.size() == 1);
    publish("sandbox.exec", KEY_PARTITION, EXEC_WITHOUT_ID, KEY_PARTITION + "-9@1000");
    publish(
        "sandbox.exec",
        KEY_PARTITION,
        EXEC_WITHOUT_ID,
        ELSEWHERE + "-9@" + System.currentTimeMillis());
    publish("sandbox.exec", KEY_PARTITION, EXEC_WITHOUT_ID, null);
    await().until(() -> commands.execs.size() == 3);
    assertThat(commands.execs)
        .extracting(request -> request.exec().eventId())
        .containsExactly(
            "sandbox.exec-%d-1".formatted(KEY_PARTITION),
            "sandbox.exec-%d-2".formatted(KEY_PARTITION),
            "sandbox.exec-%d-3".formatted(KEY_PARTITION));
    assertThat(diverted).containsExactly("dead letter of sandbox.exec");
  }

  /** Its id could only be its first position, which a header tells that anybody can write. */
  @Test
  @Row(72)
  void anExecWithoutAnIdInTheWrongPartitionIsRejected() {
    startOwning(ELSEWHERE);
    publish("sandbox.exec", ELSEWHERE, EXEC_WITHOUT_ID, null);
    await().until(() -> commands.execs.size() == 1 || !diverted.isEmpty());
    assertThat(diverted).isEmpty();
    ExecRequest rejected = commands.execs.getFirst();
    assertThat(rejected.exec().eventId()).isEqualTo("sandbox.exec-%d-0".formatted(ELSEWHERE));
    assertThat(rejected.context().problem())
        .contains("its user's partition is " + KEY_PARTITION)
        .contains("set an event_id");
  }

  /** Anybody can write the header, so an answer could be to an exec that runs elsewhere. */
  @Test
  @Row(72)
  void aForwardedExecInAForeignPartitionIsNeitherAnsweredNorForwardedAgain() {
    startOwning(ELSEWHERE);
    publish("sandbox.exec", ELSEWHERE, exec("one"), "2-1@" + System.currentTimeMillis());
    publish("sandbox.exec", ELSEWHERE, exec("one"), "2-1@1000000000000"); // has expired
    await().until(() -> diverted.size() + commands.execs.size() == 2);
    assertThat(commands.execs).isEmpty();
    assertThat(diverted)
        .containsExactly("dead letter of sandbox.exec", "dead letter of sandbox.exec");
    await().until(() -> committed("sandbox.exec", ELSEWHERE) == 2);
  }

  @Test
  void whatIsNoValidEventBecomesADeadLetter() {
    startOwning(KEY_PARTITION);
    publish("sandbox.exec", KEY_PARTITION, "{", null);
    publish("sandbox.release", KEY_PARTITION, "[]", null);
    publish("sandbox.input", KEY_PARTITION, "{'user_id':'%s'}".formatted(ANNA), null);
    await().until(() -> diverted.size() == 3);
    await().until(() -> committed("sandbox.release", KEY_PARTITION) == 1);
  }

  @Test
  void aReleaseIsPassedOnAndCommitted() {
    startOwning(KEY_PARTITION);
    publish("sandbox.release", KEY_PARTITION, "{'user_id':'%s'}".formatted(ANNA), null);
    await().until(() -> commands.releases.size() == 1);
    await().until(() -> committed("sandbox.release", KEY_PARTITION) == 1);
  }

  @Test
  void inputThatIsReadBeforeItsExecReachesIt() {
    startOwning(KEY_PARTITION);
    publishInput(KEY_PARTITION, "x");
    await().pollDelay(Duration.ofMillis(300)).until(() -> true);
    publishExec(KEY_PARTITION, "one");
    await().until(() -> commands.execs.size() == 1);
    await().until(() -> commands.taken(new CommandKey(ANNA, "one")).equals(List.of("x")));
  }

  /**
   * Its first one was dropped, so what came since is not its beginning. Signals come to commands
   * whose standard input does not go on as well.
   */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void anExecThatIsReadLateHasItsInputReadFromTheLog(boolean inputFollows) {
    startOwning(KEY_PARTITION);
    publishInput(KEY_PARTITION, "x");
    awaitDropped();
    publishInput(KEY_PARTITION, "y");
    publish("sandbox.exec", KEY_PARTITION, exec("one", inputFollows), null);
    await().until(() -> detours.get() == 1);
  }

  private static String exec(String id, boolean inputFollows) {
    return "{'user_id':'%s','event_id':'%s','command':['true'],'input':%s}"
        .formatted(ANNA, id, inputFollows);
  }

  private void awaitDropped() {
    await()
        .until(
            () -> {
              time.pass(Duration.ofMinutes(1));
              return dropped.get() == 1;
            });
  }

  /** Anybody can write the header, and whoever reads the log for days takes others' turns. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void anExecThatSaysItWasForwardedForAgesHasTheLogReadFromSomeMinutesAgo(boolean isOfBefore) {
    consumer.ends.put(new TopicPartition("sandbox.exec", KEY_PARTITION), isOfBefore ? 1L : 0L);
    startOwning(KEY_PARTITION);
    publishInput(KEY_PARTITION, "x");
    awaitDropped();
    Instant before = Instant.now();
    publish("sandbox.exec", KEY_PARTITION, lastingExec("one"), ELSEWHERE + "-0@0");
    await().until(() -> readFrom.size() == 1);
    assertThat(readFrom.getFirst()).isAfter(before.minus(Duration.ofMinutes(12)));
  }

  private static String lastingExec(String id) {
    return ("{'user_id':'%s','event_id':'%s','command':['true'],'input':true,"
            + "'expires_at':'2200-01-01T00:00:00Z'}")
        .formatted(ANNA, id);
  }

  /** Its inputs may have been in their partition all the time. */
  @Test
  void anExecThatWasForwardedLateHasItsInputReadFromItsFirstTime() {
    startOwning(KEY_PARTITION);
    publishInput(KEY_PARTITION, "x");
    awaitDropped();
    Instant first = Instant.now().minus(Duration.ofMinutes(9));
    publish(
        "sandbox.exec",
        KEY_PARTITION,
        lastingExec("one"),
        ELSEWHERE + "-0@" + first.toEpochMilli());
    await().until(() -> readFrom.size() == 1);
    assertThat(readFrom.getFirst()).isBefore(first.minus(Duration.ofMinutes(1)));
  }

  /** What it gets is read since a minute before the assignment, and may have been read before. */
  @ParameterizedTest
  @CsvSource({"true, 0, 1", "true, 61, 1", "false, 0, 0", "false, 61, 1"})
  void anExecOfBeforeTheAssignmentHasItsInputReadFromTheLogIfItCanBeThere(
      boolean inputFollows, int age, int expected) {
    consumer.ends.put(new TopicPartition("sandbox.exec", KEY_PARTITION), 1L);
    startOwning(KEY_PARTITION);
    String forwarded = ELSEWHERE + "-1@" + (System.currentTimeMillis() - age * 1000L);
    publish("sandbox.exec", KEY_PARTITION, exec("one", inputFollows), forwarded);
    await().until(() -> commands.execs.size() == 1);
    await().during(Duration.ofMillis(200)).until(() -> detours.get() == expected);
  }
}
