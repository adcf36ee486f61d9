/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reply;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.worker.testkit.ManualTime;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.apache.kafka.clients.producer.MockProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.errors.NotEnoughReplicasException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.TopicAuthorizationException;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;

@Order(2)
class ReplyCopiesTest {
  private static final Duration LONG = Duration.ofHours(1);

  private final MockProducer<byte[], byte[]> producer =
      new MockProducer<>(false, null, new ByteArraySerializer(), new ByteArraySerializer());
  private final Map<String, CompletableFuture<Optional<ReplyDrop>>> topics =
      new ConcurrentHashMap<>();

  /** What is told of a topic before that. */
  private final Map<String, Queue<CompletableFuture<Optional<ReplyDrop>>>> answers =
      new ConcurrentHashMap<>();

  /** The looked-up names, in order. */
  private final Queue<String> lookups = new ConcurrentLinkedQueue<>();

  private final AtomicInteger copied = new AtomicInteger();
  private final Map<ReplyDrop, Integer> dropped = new ConcurrentHashMap<>();
  private final ManualTime time = new ManualTime(0);
  private volatile String heardOfLater = "";
  private ReplyCopies copies = copies(LONG);

  private ReplyCopies copies(Duration patience) {
    return new ReplyCopies(
        () -> producer,
        topic -> {
          lookups.add(topic);
          var answer = answers.getOrDefault(topic, new ArrayDeque<>()).poll();
          if (answer != null) {
            return answer;
          }
          var reported =
              topics.getOrDefault(
                  topic, CompletableFuture.completedFuture(Optional.of(ReplyDrop.ABSENT)));
          if (topic.equals(heardOfLater)) {
            exists(topic);
          }
          return reported;
        },
        time,
        new Counted(),
        patience);
  }

  private final class Counted implements ReplyMetrics {
    @Override
    public void copied() {
      copied.incrementAndGet();
    }

    @Override
    public void dropped(ReplyDrop why) {
      dropped.merge(why, 1, Integer::sum);
    }
  }

  @AfterEach
  void close() {
    copies.close();
  }

  private void exists(String topic) {
    topics.put(topic, CompletableFuture.completedFuture(Optional.empty()));
  }

  private CompletableFuture<Void> copy(String topic, String value) {
    return copy(topic, value, value.length());
  }

  private CompletableFuture<Void> copy(String topic, String value, int size) {
    return copies.copy(
        topic, size, () -> new ProducerRecord<>(topic, new byte[1], value.getBytes(UTF_8)));
  }

  private List<String> sent() {
    return producer.history().stream()
        .map(each -> each.topic() + ":" + new String(each.value(), UTF_8))
        .toList();
  }

  private void awaitSent(int count) {
    await().until(() -> producer.history().size() == count);
  }

  private static void awaitDone(CompletableFuture<Void> copy)
      throws ExecutionException, InterruptedException, java.util.concurrent.TimeoutException {
    copy.get(30, TimeUnit.SECONDS);
  }

  @Test
  void theCopiesForATopicAreWrittenInOrderAndAwaitedUntilItHasThem() throws Exception {
    exists("a");
    List<CompletableFuture<Void>> all =
        IntStream.range(0, 100).mapToObj(i -> copy("a", "" + i)).toList();
    awaitSent(100);
    assertThat(sent()).isEqualTo(IntStream.range(0, 100).mapToObj(i -> "a:" + i).toList());
    assertThat(all).noneMatch(CompletableFuture::isDone);
    while (producer.completeNext()) {
      // The next.
    }
    for (CompletableFuture<Void> each : all) {
      awaitDone(each);
    }
    assertThat(copied).hasValue(100);
    assertThat(lookups).hasSize(1);
  }

  @Test
  void theProducerNeverHearsOfATopicThatDoesNotExist() throws Exception {
    awaitDone(copy("absent", "x"));
    await().until(() -> Map.of(ReplyDrop.ABSENT, 1).equals(dropped));
    awaitDone(copy("absent", "y"));
    assertThat(lookups).hasSize(3);
    time.pass(Duration.ofSeconds(11));
    exists("absent");
    var _ = copy("absent", "z");
    awaitSent(1);
    assertThat(sent()).containsExactly("absent:z");
    assertThat(dropped).isEqualTo(Map.of(ReplyDrop.ABSENT, 2));
  }

  @Test
  void aTopicOfWhichTheBrokerDoesNotKnowYetGetsItsCopiesAndHoldsUpNobody() throws Exception {
    heardOfLater = "new";
    awaitDone(copy("new", "x"));
    assertThat(copy("new", "y")).as("nobody waits for the second look").isDone();
    awaitSent(2);
    assertThat(sent()).containsExactly("new:x", "new:y");
    assertThat(lookups).hasSize(2);
    assertThat(dropped).isEmpty();
  }

  /** A broker that has much to do tells late, or is itself not told of a new topic for a while. */
  @Test
  void aTopicIsLookedForThreeTimes() throws Exception {
    answers.put(
        "new",
        new ArrayDeque<>(
            List.of(
                CompletableFuture.failedFuture(new TimeoutException("nobody told")),
                CompletableFuture.completedFuture(Optional.of(ReplyDrop.ABSENT)),
                CompletableFuture.completedFuture(Optional.empty()))));
    awaitDone(copy("new", "x"));
    awaitSent(1);
    assertThat(sent()).containsExactly("new:x");
    assertThat(lookups).hasSize(3);
    assertThat(dropped).isEmpty();
  }

  @Test
  void whereNobodyTellsTheNextCopyHasTheTopicLookedForAnew() throws Exception {
    topics.put("a", CompletableFuture.failedFuture(new TimeoutException("nobody told")));
    awaitDone(copy("a", "x"));
    await().until(() -> Map.of(ReplyDrop.LATE, 1).equals(dropped));
    assertThat(lookups).hasSize(3);
    exists("a");
    var _ = copy("a", "y");
    awaitSent(1);
    assertThat(sent()).containsExactly("a:y");
  }

  @Test
  void aSlowLookupLosesNoCopyForWhichThereIsRoom() throws Exception {
    copies.close();
    copies = copies(Duration.ofMillis(50));
    CompletableFuture<Optional<ReplyDrop>> lookup = new CompletableFuture<>();
    topics.put("a", lookup);
    awaitDone(copy("a", "large", 1024 * 1024));
    assertThat(copy("a", "too much for now")).as("nobody waits any more").isDone();
    lookup.complete(Optional.empty());
    awaitSent(1);
    assertThat(producer.completeNext()).isTrue();
    var _ = copy("a", "y");
    awaitSent(2);
    assertThat(sent()).containsExactly("a:large", "a:y");
    assertThat(dropped).isEqualTo(Map.of(ReplyDrop.LATE, 1));
  }

  @Test
  void whatWaitsForLateTopicsIsBoundedInTotal() throws Exception {
    copies.close();
    copies = copies(Duration.ofMillis(50));
    int quarter = 250 * 1024;
    int fit = ReplyTopics.MOST_BYTES_LATE / (quarter + 4096);
    CompletableFuture<Optional<ReplyDrop>> lookup = new CompletableFuture<>();
    List<CompletableFuture<Void>> all =
        IntStream.range(0, fit + 5)
            .mapToObj(
                i -> {
                  topics.put("t" + i, lookup);
                  return copy("t" + i, "x", quarter);
                })
            .toList();
    for (CompletableFuture<Void> each : all) {
      awaitDone(each);
    }
    assertThat(dropped).isEqualTo(Map.of(ReplyDrop.LATE, 5));
    assertThat(copy("t0", "y", quarter)).isDone();
    assertThat(dropped).isEqualTo(Map.of(ReplyDrop.LATE, 6));
    lookup.complete(Optional.empty());
    awaitSent(fit);
  }

  @Test
  void aTopicThatMayNotBeWrittenToIsLeftAloneForAWhile() throws Exception {
    exists("a");
    CompletableFuture<Void> first = copy("a", "x");
    awaitSent(1);
    producer.errorNext(new TopicAuthorizationException("no"));
    awaitDone(first);
    awaitDone(copy("a", "y"));
    assertThat(sent()).hasSize(1);
    assertThat(dropped).isEqualTo(Map.of(ReplyDrop.DENIED, 2));
  }

  @Test
  void aCopyThatIsTooLargeIsDroppedAlone() throws Exception {
    exists("a");
    CompletableFuture<Void> large = copy("a", "large");
    awaitSent(1);
    producer.errorNext(new RecordTooLargeException("no"));
    awaitDone(large);
    CompletableFuture<Void> small = copy("a", "small");
    awaitSent(2);
    assertThat(producer.completeNext()).isTrue();
    awaitDone(small);
    assertThat(dropped).isEqualTo(Map.of(ReplyDrop.TOO_LARGE, 1));
  }

  @Test
  void aTopicThatTakesNothingKeepsItsShareAndHoldsUpNoOther() throws Exception {
    exists("stuck");
    exists("healthy");
    int half = ReplyCopies.MOST_BYTES_OF_ONE / 2;
    for (int i = 0; i < 100; i++) {
      var _ = copy("stuck", "x", half);
    }
    awaitSent(1);
    CompletableFuture<Void> other = copy("healthy", "y");
    awaitSent(2);
    assertThat(sent()).containsExactly("stuck:x", "healthy:y");
    assertThat(other).isNotDone();
  }

  @Test
  void nobodyWaitsForALateTopicUntilItTakesACopy() throws Exception {
    copies.close();
    copies = copies(Duration.ofMillis(50));
    exists("stuck");
    int half = ReplyCopies.MOST_BYTES_OF_ONE / 2;
    CompletableFuture<Void> inTheProducer = copy("stuck", "x", half);
    CompletableFuture<Void> behind = copy("stuck", "y", half);
    awaitDone(inTheProducer);
    awaitDone(behind);
    await().until(() -> Map.of(ReplyDrop.LATE, 1).equals(dropped));
    assertThat(copy("stuck", "z", half)).as("not kept either").isDone();
    assertThat(dropped).isEqualTo(Map.of(ReplyDrop.LATE, 2));
    assertThat(sent()).containsExactly("stuck:x");
    producer.completeNext();
    assertThat(copied).hasValue(1);
    var _ = copy("stuck", "again");
    awaitSent(2);
  }

  @Test
  void aTopicThatGaveUpACopyIsLookedForAgain() throws Exception {
    exists("a");
    CompletableFuture<Void> first = copy("a", "x");
    awaitSent(1);
    producer.errorNext(new NotEnoughReplicasException("no"));
    awaitDone(first);
    topics.remove("a");
    awaitDone(copy("a", "y"));
    await().until(() -> dropped.containsKey(ReplyDrop.ABSENT));
    assertThat(dropped).isEqualTo(Map.of(ReplyDrop.LATE, 1, ReplyDrop.ABSENT, 1));
  }

  @Test
  void noFloodOfNamesMakesATopicForgotten() throws Exception {
    exists("a");
    CompletableFuture<Void> first = copy("a", "x");
    awaitSent(1);
    assertThat(producer.completeNext()).isTrue();
    awaitDone(first);
    for (int i = 0; i < 10_000; i++) {
      awaitDone(copy("flood-" + i, "x"));
    }
    assertThat(lookups).hasSizeBetween(1_000, 20_001);
    var _ = copy("a", "y");
    awaitSent(2);
    assertThat(lookups).as("a is known").containsOnlyOnce("a");
  }

  /** Nobody answers: what is not looked up waits, bounded, and the rest is dropped. */
  @Test
  void namesThatNobodyLooksUpAreBoundedInNumber() {
    CompletableFuture<Optional<ReplyDrop>> never = new CompletableFuture<>();
    for (int i = 0; i < 5_000; i++) {
      topics.put("n" + i, never);
      var _ = copy("n" + i, "x");
    }
    assertThat(dropped).isEqualTo(Map.of(ReplyDrop.FULL, 4_000));
    never.complete(Optional.of(ReplyDrop.ABSENT));
    await().until(() -> Integer.valueOf(1_000).equals(dropped.get(ReplyDrop.ABSENT)));
  }

  @Test
  void aStopDropsWhatWaits() throws Exception {
    topics.put("a", new CompletableFuture<>());
    CompletableFuture<Void> waits = copy("a", "x");
    copies.close();
    awaitDone(waits);
    awaitDone(copy("a", "y"));
    assertThat(sent()).isEmpty();
  }
}
