/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.publish;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Origin;
import io.zcbot.sandbox.events.Output;
import io.zcbot.sandbox.events.OutputStreamName;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import io.zcbot.sandbox.worker.reply.Replies;
import io.zcbot.sandbox.worker.sandbox.Fence;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.Callback;
import org.apache.kafka.clients.producer.MockProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** All through the publisher, whose callers share one producer. */
class FairProducerTest {
  private static final int PARTITIONS = 8;
  private static final int MEGABYTE = 1_000_000;

  /** What the producer's buffer takes, of which streamed output may have a half. */
  private static final int MOST = 4 << 20;

  private static final Duration A_WHILE = Duration.ofMillis(300);

  private final KeyPartitions partitions = new KeyPartitions(PARTITIONS);
  private final Log log = new Log();
  private final Publisher publisher =
      new Publisher(log, partitions, "sandbox.", "/source", "group", 64, Replies.NONE);
  private final List<Thread> threads = new ArrayList<>();

  @AfterEach
  void close() {
    publisher.close();
    threads.forEach(Thread::interrupt);
  }

  private record Sent(
      ProducerRecord<byte[], byte[]> record,
      TopicPartition to,
      @Nullable Callback callback,
      CompletableFuture<RecordMetadata> done) {
    int size() {
      return record.value().length;
    }

    void end(@Nullable Exception failure) {
      RecordMetadata at = new RecordMetadata(to, 0, 0, 0, 0, 0);
      if (callback != null) {
        callback.onCompletion(at, failure);
      }
      if (failure == null) {
        done.complete(at);
      } else {
        done.completeExceptionally(failure);
      }
    }
  }

  /** A log of which some partitions take nothing: what is sent there stays in the producer. */
  private final class Log extends MockProducer<byte[], byte[]> {
    private final Set<TopicPartition> away = new HashSet<>();
    private final List<Sent> held = new ArrayList<>();
    private final List<TopicPartition> taken = new CopyOnWriteArrayList<>();

    Log() {
      super(true, null, new ByteArraySerializer(), new ByteArraySerializer());
    }

    @Override
    public synchronized Future<RecordMetadata> send(ProducerRecord<byte[], byte[]> record) {
      return send(record, null);
    }

    @Override
    public synchronized Future<RecordMetadata> send(
        ProducerRecord<byte[], byte[]> record, @Nullable Callback callback) {
      Integer partition = record.partition();
      TopicPartition to =
          new TopicPartition(
              record.topic(),
              partition == null ? partitions.of(record.key()) : partition.intValue());
      Sent sent = new Sent(record, to, callback, new CompletableFuture<>());
      if (away.contains(to)) {
        held.add(sent);
      } else {
        taken.add(to);
        sent.end(null);
      }
      return sent.done();
    }

    synchronized void lose(String topic, int... of) {
      for (int partition : of) {
        away.add(new TopicPartition(topic, partition));
      }
    }

    synchronized void find(String topic, int partition) {
      away.remove(new TopicPartition(topic, partition));
    }

    /** All partitions take records, and what is in the producer arrives. */
    void bringBack() {
      List<Sent> arriving;
      synchronized (this) {
        away.clear();
        arriving = new ArrayList<>(held);
        held.clear();
      }
      for (Sent sent : arriving) {
        taken.add(sent.to());
        sent.end(null);
      }
    }

    /** The producer gives up what it has held for too long. */
    void giveUp() {
      List<Sent> late;
      synchronized (this) {
        late = new ArrayList<>(held);
        held.clear();
      }
      late.forEach(sent -> sent.end(new TimeoutException("not delivered")));
    }

    synchronized int count() {
      return held.size();
    }

    synchronized int bytes() {
      return held.stream().mapToInt(Sent::size).sum();
    }

    long taken(String topic) {
      return taken.stream().filter(to -> to.topic().equals(topic)).count();
    }
  }

  private UserId userOf(int partition) {
    return Stream.generate(() -> new UserId(UUID.randomUUID()))
        .filter(user -> partitions.of(user) == partition)
        .findFirst()
        .orElseThrow();
  }

  private static byte[] bytes(Object text) {
    return text.toString().getBytes(StandardCharsets.US_ASCII);
  }

  private interface Call {
    void run() throws Exception;
  }

  /** Calls the publisher on another thread, as lanes, commands and readers of records do. */
  private FutureTask<Void> later(Call call) {
    FutureTask<Void> task =
        new FutureTask<>(
            () -> {
              call.run();
              return null;
            });
    threads.add(Thread.ofVirtual().start(task));
    return task;
  }

  private FutureTask<Void> deadLetter(int partition, int size) {
    ConsumerRecord<byte[], byte[]> record =
        new ConsumerRecord<>(
            "sandbox.ensure", partition, 1, bytes(userOf(partition)), new byte[size]);
    return later(() -> publisher.deadLetter(record, refused(record)));
  }

  private static EventFormatException refused(ConsumerRecord<byte[], byte[]> record) {
    try {
      var _ =
          new EventCodec()
              .decodeEnsure(
                  record.key(), record.value(), new Origin("sandbox.ensure", 3, 1, Instant.EPOCH));
    } catch (EventFormatException e) {
      return e;
    }
    throw new AssertionError("it is an ensure");
  }

  private Output output(int partition, int size) {
    return new Output(
        "id",
        userOf(partition),
        "exec",
        Instant.EPOCH,
        0,
        OutputStreamName.STDOUT,
        Data.of("x".repeat(size)));
  }

  private Failed smallAnswer(int partition) {
    return new Failed(
        "id", userOf(partition), "ensure", Instant.EPOCH, Failed.Reason.EXPIRED, "too old", true);
  }

  private static void assertDone(Future<Void> task) throws Exception {
    task.get(60, TimeUnit.SECONDS);
  }

  private static void assertAllDone(Collection<FutureTask<Void>> tasks) throws Exception {
    for (FutureTask<Void> task : tasks) {
      assertDone(task);
    }
  }

  private void assertPublished(SandboxEvent event) throws Exception {
    assertDone(later(() -> publisher.publish(event)));
  }

  private List<FutureTask<Void>> deadLetters(int number, int partition, int size) {
    return IntStream.range(0, number).mapToObj(_ -> deadLetter(partition, size)).toList();
  }

  /** Nine invalid records of 1 MB had everybody's answers wait, for as long as no leader came. */
  @Test
  void deadLettersForAPartitionThatTakesNothingLeaveRoomForWhatOthersWrite() throws Exception {
    log.lose("sandbox.dead-letter", 3);
    List<FutureTask<Void>> waiting = deadLetters(20, 3, MEGABYTE);
    for (int i = 0; i < 3; i++) {
      await().until(() -> log.count() > 0);
      await().during(A_WHILE).until(() -> log.bytes() <= MEGABYTE);
      assertPublished(smallAnswer(3));
      assertDone(deadLetter(4, MEGABYTE));
      assertPublished(output(4, MEGABYTE));
      log.giveUp();
    }
    log.bringBack();
    await().until(() -> log.taken("sandbox.dead-letter") == 23);
    assertAllDone(waiting);
  }

  /** Answers with inline output; two users' commands were enough. */
  @Test
  void largeAnswersForAPartitionThatTakesNothingLeaveRoomToo() throws Exception {
    log.lose("sandbox.output", 3);
    List<FutureTask<Void>> waiting =
        IntStream.range(0, 16)
            .mapToObj(_ -> later(() -> publisher.publish(output(3, 512 * 1024))))
            .toList();
    await().until(() -> log.count() > 0);
    await().during(A_WHILE).until(() -> log.bytes() <= MEGABYTE);
    assertPublished(output(4, MEGABYTE));
    assertPublished(smallAnswer(3));
    log.bringBack();
    assertAllDone(waiting);
  }

  /** Their number is bounded by bytes only, and everybody chooses their size. */
  @Test
  void smallDivertedRecordsLeaveRoomToo() throws Exception {
    log.lose("sandbox.dead-letter", 3);
    log.lose("sandbox.input", 3);
    List<FutureTask<Void>> waiting = new ArrayList<>(deadLetters(500, 3, 12_000));
    for (int i = 0; i < 30; i++) {
      List<ConsumerRecord<byte[], byte[]>> batch =
          IntStream.range(0, 20)
              .mapToObj(
                  at ->
                      new ConsumerRecord<>(
                          "sandbox.input", 0, at, bytes(userOf(3)), new byte[12_000]))
              .toList();
      waiting.add(later(() -> publisher.forward(batch, 3)));
    }
    await().until(() -> log.bytes() > 3 * MEGABYTE / 2);
    await().during(A_WHILE).until(() -> log.bytes() <= 2 << 20);
    log.bringBack();
    assertAllDone(waiting);
    assertThat(log.taken("sandbox.input")).isEqualTo(600);
  }

  /** What nobody knows at first, the first failures show. */
  @Test
  void manyPartitionsThatTakeNothingLeaveRoomForTheOthers() throws Exception {
    log.lose("sandbox.dead-letter", 0, 1, 2, 3, 4, 5, 6);
    List<FutureTask<Void>> waiting = new ArrayList<>();
    for (int partition = 0; partition < 7; partition++) {
      waiting.addAll(deadLetters(3, partition, MEGABYTE));
    }
    await().until(() -> log.count() == 3);
    await().during(A_WHILE).until(() -> log.bytes() <= MOST);
    assertPublished(smallAnswer(0));
    FutureTask<Void> other = deadLetter(7, MEGABYTE);
    Set<TopicPartition> failed = new HashSet<>();
    while (!other.isDone() || failed.size() < 7) {
      await().until(() -> log.count() > 0);
      synchronized (log) {
        log.held.forEach(sent -> failed.add(sent.to()));
      }
      log.giveUp();
    }
    assertDone(other);

    // All have failed: from now on, they have the place of one together.
    log.giveUp();
    await().until(() -> log.count() == 1);
    await().during(A_WHILE).until(() -> log.count() == 1);
    assertDone(deadLetter(7, 2 * MEGABYTE));
    assertPublished(output(7, MEGABYTE));
    log.bringBack();
    assertAllDone(waiting);
  }

  @Test
  void oneThatIsInterruptedWhileItWaitsTakesNoRoom() throws Exception {
    log.lose("sandbox.dead-letter", 3);
    List<FutureTask<Void>> waiting = deadLetters(3, 3, MEGABYTE);
    await().until(() -> log.count() == 1);
    threads.forEach(Thread::interrupt);
    for (FutureTask<Void> each : waiting) {
      assertThatThrownBy(() -> each.get(60, TimeUnit.SECONDS))
          .isInstanceOf(ExecutionException.class)
          .hasCauseInstanceOf(InterruptedException.class);
    }
    assertThat(log.count()).as("the producer has not given it up").isOne();
    log.bringBack();
    assertDone(deadLetter(3, MEGABYTE));
  }

  @Test
  void anAnswerThatWaitedIsNotSentOnceThePartitionIsAnothers() throws Exception {
    log.lose("sandbox.output", 3);
    FutureTask<Void> first = later(() -> publisher.publish(output(3, MEGABYTE)));
    await().until(() -> log.count() == 1);
    CompletableFuture<Void> isAnothers = new CompletableFuture<>();
    Fence fence =
        () -> {
          if (isAnothers.isDone()) {
            throw new FencedException("another worker's by now");
          }
        };
    FutureTask<Void> second = later(() -> publisher.publish(output(3, MEGABYTE), fence));
    await().during(A_WHILE).until(() -> log.count() == 1);
    isAnothers.complete(null);
    log.bringBack();
    assertDone(first);
    assertThatThrownBy(() -> second.get(60, TimeUnit.SECONDS))
        .hasCauseInstanceOf(FencedException.class);
    assertThat(log.taken("sandbox.output")).isOne();
    assertPublished(output(3, 2 * MEGABYTE));
  }

  /** Or the command would have read the second before the first. */
  @Test
  void whatIsForwardedBehindOneThatFailsIsNotSentWhenItsTurnComes() throws Exception {
    log.lose("sandbox.input", 3);
    byte[] key = bytes(userOf(3));
    List<ConsumerRecord<byte[], byte[]>> batch =
        Stream.of("a", "b")
            .map(
                first -> {
                  byte[] value = new byte[MEGABYTE];
                  value[0] = bytes(first)[0];
                  return new ConsumerRecord<>("sandbox.input", 0, 1, key, value);
                })
            .toList();
    FutureTask<Void> forwarding = later(() -> publisher.forward(batch, 3));
    await().until(() -> log.count() == 1);
    log.giveUp();
    await().until(() -> log.count() == 1);
    synchronized (log) {
      assertThat(Objects.requireNonNull(log.held.getFirst().record().value())[0])
          .as("the first of both, once more")
          .isEqualTo(bytes("a")[0]);
    }
    log.bringBack();
    assertDone(forwarding);
    assertThat(log.taken("sandbox.input")).isEqualTo(2);
  }

  private FutureTask<Void> streamed(int partition, int size) {
    return streamed(partition, size, Fence.OPEN, () -> false);
  }

  private FutureTask<Void> streamed(int partition, int size, Fence fence, BooleanSupplier isVain) {
    Output output = output(partition, size);
    return later(() -> publisher.publishAsync(output, fence, isVain).get());
  }

  /** Each command has a window of it that no budget counts, and there are hundreds. */
  @Test
  void streamedOutputLeavesRoomForWhatOthersWrite() throws Exception {
    log.lose("sandbox.output", 0, 1, 2, 3, 4, 5, 6);
    List<FutureTask<Void>> waiting =
        IntStream.range(0, 400).mapToObj(i -> streamed(i % 7, 16 * 1024)).toList();
    await().until(() -> log.bytes() > 3 * MEGABYTE);
    await().during(A_WHILE).until(() -> log.bytes() <= MOST);
    assertPublished(smallAnswer(3));
    assertPublished(output(7, MEGABYTE));
    log.bringBack();
    assertAllDone(waiting);
  }

  /** The producer takes a batch of 16 KiB for each that has no room in another's. */
  @Test
  void smallStreamedOutputThatIsTriedAgainLeavesRoomForWhatOthersWrite() throws Exception {
    log.lose("sandbox.output", 0, 1, 2, 3, 4, 5, 6);
    List<FutureTask<Void>> waiting =
        IntStream.range(0, 400)
            .mapToObj(i -> output(i % 7, 9 * 1024))
            .map(output -> later(() -> publisher.publish(output, Fence.OPEN)))
            .toList();
    await().until(() -> log.count() > 200);
    await().during(A_WHILE).until(() -> log.count() <= MOST / (16 * 1024));
    assertPublished(smallAnswer(3));
    log.bringBack();
    assertAllDone(waiting);
  }

  @Test
  void streamedOutputForAPartitionThatTakesNothingLeavesRoomForOther() throws Exception {
    log.lose("sandbox.output", 3);
    List<FutureTask<Void>> waiting =
        IntStream.range(0, 400).mapToObj(_ -> streamed(3, 16 * 1024)).toList();
    await().until(() -> log.count() > 0);
    await().during(A_WHILE).until(() -> log.bytes() <= 1 << 20);
    assertDone(streamed(4, MEGABYTE));
    log.bringBack();
    assertAllDone(waiting);
  }

  @Test
  void streamedOutputThatNeedNotBeSentAnyMoreTakesNoRoom() throws Exception {
    log.lose("sandbox.output", 3);
    FutureTask<Void> first = streamed(3, 8 * MEGABYTE);
    await().until(() -> log.count() == 1);
    CompletableFuture<Void> isAnothers = new CompletableFuture<>();
    Fence fence =
        () -> {
          if (isAnothers.isDone()) {
            throw new FencedException("another worker's by now");
          }
        };
    FutureTask<Void> fenced = streamed(3, MEGABYTE, fence, () -> false);
    FutureTask<Void> vain = streamed(3, MEGABYTE, Fence.OPEN, () -> true);
    FutureTask<Void> interrupted = streamed(3, MEGABYTE);
    await().during(A_WHILE).until(() -> log.count() == 1 && !vain.isDone());
    isAnothers.complete(null);
    threads.getLast().interrupt();
    assertThatThrownBy(() -> interrupted.get(60, TimeUnit.SECONDS))
        .hasCauseInstanceOf(InterruptedException.class);
    log.bringBack();
    assertDone(first);
    assertThatThrownBy(() -> fenced.get(60, TimeUnit.SECONDS))
        .hasCauseInstanceOf(FencedException.class);
    assertThatThrownBy(() -> vain.get(60, TimeUnit.SECONDS))
        .hasRootCauseInstanceOf(IllegalStateException.class);
    assertThat(log.taken("sandbox.output")).isOne();
    assertDone(streamed(3, 8 * MEGABYTE));
  }

  @Test
  void aRecordLargerThanAllSharesIsSentAlone() throws Exception {
    assertPublished(output(3, 8 * MEGABYTE));
    assertThat(log.taken("sandbox.output")).isOne();
  }

  /** As all fences do while the group does not answer. */
  @Test
  void answersWhoseFenceWaitsTakeNoRoom() throws Exception {
    CountDownLatch atFence = new CountDownLatch(3);
    CountDownLatch group = new CountDownLatch(1);
    Fence fence =
        () -> {
          atFence.countDown();
          group.await();
        };
    List<FutureTask<Void>> waiting =
        IntStream.range(0, 4)
            .mapToObj(to -> later(() -> publisher.publish(output(to, MEGABYTE), fence)))
            .toList();
    assertThat(atFence.await(60, TimeUnit.SECONDS)).isTrue();
    assertDone(deadLetter(4, MEGABYTE));
    group.countDown();
    assertAllDone(waiting);
  }

  /** Or its next large answer would wait behind those of partitions that still fail. */
  @Test
  void aPartitionThatTakesASmallAnswerFailsNoMore() throws Exception {
    log.lose("sandbox.output", 0, 1);
    CompletableFuture<Void> isAnothers = new CompletableFuture<>();
    Fence fence =
        () -> {
          if (isAnothers.isDone()) {
            throw new FencedException("another worker's by now");
          }
        };
    FutureTask<Void> dead = later(() -> publisher.publish(output(0, MEGABYTE)));
    FutureTask<Void> fenced = later(() -> publisher.publish(output(1, MEGABYTE), fence));
    await().until(() -> log.count() == 2);
    isAnothers.complete(null);
    log.giveUp();
    assertThatThrownBy(() -> fenced.get(60, TimeUnit.SECONDS))
        .hasCauseInstanceOf(FencedException.class);
    await("one that fails has the place of all that do").until(() -> log.count() == 1);

    log.find("sandbox.output", 1);
    assertPublished(output(1, 10));
    assertPublished(output(1, MEGABYTE));

    log.bringBack();
    assertDone(dead);
  }
}
