/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.publish;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import io.zcbot.sandbox.worker.sandbox.EventSink;
import io.zcbot.sandbox.worker.sandbox.Fence;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import io.zcbot.sandbox.worker.sandbox.RequestContext;
import io.zcbot.sandbox.worker.spans.Step;
import io.zcbot.sandbox.worker.trace.Tracing;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.Callback;
import org.apache.kafka.clients.producer.MockProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class PublisherTest {
  private static final UserId ANNA = new UserId(new UUID(1, 1));
  private static final Failed ANSWER =
      new Failed("id", ANNA, "ensure", Instant.EPOCH, Failed.Reason.EXPIRED, "too old", true);

  private final AtomicInteger tries = new AtomicInteger();
  private int failures;
  private boolean interrupts;
  private String refusedHeader = "none";

  private final MockProducer<byte[], byte[]> producer =
      new MockProducer<>(true, null, new ByteArraySerializer(), new ByteArraySerializer()) {
        @Override
        public synchronized Future<RecordMetadata> send(
            ProducerRecord<byte[], byte[]> record, Callback callback) {
          if (tries.getAndIncrement() < failures) {
            throw new TimeoutException("the leader is away");
          }
          if (record.headers().lastHeader(refusedHeader) != null) {
            throw new RecordTooLargeException("too large");
          }
          return super.send(record, callback);
        }
      };
  private final Publisher publisher =
      new Publisher(producer, new KeyPartitions(4), "sandbox.", "/source", "group", 64, this::copy);

  private final List<ProducerRecord<byte[], byte[]>> copies = new ArrayList<>();
  private final CompletableFuture<Void> copied = new CompletableFuture<>();

  private CompletableFuture<Void> copy(
      String topic, int size, Supplier<ProducerRecord<byte[], byte[]>> copy) {
    assertThat(producer.history()).as("the answer itself").hasSize(copies.size() + 1);
    copies.add(copy.get());
    if (interrupts) {
      Thread.currentThread().interrupt();
    }
    return copied;
  }

  @Test
  void anAnswerIsCopiedOnceTheLogHasIt() {
    failures = 1;
    EventSink sink = publisher.answering(new RequestContext("sandbox.reply.a", null));
    assertThat(sink.publishAsync(ANSWER)).isCompletedExceptionally();
    assertThat(copies).isEmpty();
    CompletableFuture<Void> published = sink.publishAsync(ANSWER);
    assertThat(published).isNotDone();
    copied.complete(null);
    assertThat(published).isCompleted();

    ProducerRecord<byte[], byte[]> answer = producer.history().getFirst();
    ProducerRecord<byte[], byte[]> copy = copies.getFirst();
    assertThat(copy.topic()).isEqualTo("sandbox.reply.a");
    assertThat(copy.partition()).isNull();
    assertThat(copy.key()).isEqualTo(answer.key());
    assertThat(copy.value()).isEqualTo(answer.value());
    assertThat(copy.headers().lastHeader("zcbot_reply_of").value())
        .isEqualTo("sandbox.failed".getBytes(UTF_8));
    assertThat(copy.headers().toArray())
        .contains(answer.headers().toArray())
        .hasSize(answer.headers().toArray().length + 1);
  }

  @Test
  void anAnswerThatIsAnothersToGiveIsNotCopied() {
    EventSink sink = publisher.answering(new RequestContext("sandbox.reply.a", null));
    assertThatThrownBy(() -> sink.publish(ANSWER, closingAfter(0)))
        .isInstanceOf(FencedException.class);
    assertThat(copies).isEmpty();
  }

  @Test
  void nothingIsCopiedToATopicThatIsNoneForReplies() throws Exception {
    publisher.answering(RequestContext.NONE).publish(ANSWER);
    publisher.answering(new RequestContext("sandbox.ensure", null)).publish(ANSWER);
    assertThat(producer.history()).hasSize(2);
    assertThat(copies).isEmpty();
  }

  /** The log has the answer, so the record that it answers is done. */
  @Test
  void anInterruptedWaitForACopyIsNoFailure() throws Exception {
    interrupts = true;
    publisher.answering(new RequestContext("sandbox.reply.a", null)).publish(ANSWER);
    assertThat(Thread.interrupted()).isTrue();
  }

  @AfterEach
  void close() {
    publisher.close();
  }

  /** A fence that is open for the given number of checks. */
  private static Fence closingAfter(int looks) {
    AtomicInteger left = new AtomicInteger(looks);
    return () -> {
      if (left.getAndDecrement() <= 0) {
        throw new FencedException("another worker's by now");
      }
    };
  }

  @Test
  void anAnswerIsNotTriedAgainOnceThePartitionIsAnothers() {
    failures = 1;
    assertThatThrownBy(() -> publisher.publish(ANSWER, closingAfter(1)))
        .isInstanceOf(FencedException.class);
    assertThat(tries).hasValue(1);
    assertThat(producer.history()).isEmpty();
    assertThat(publisher.problem()).as("nobody tries any more").isNull();
  }

  @Test
  void aRecordThatIsTooLargeIsNoProblemOfPublishing() {
    failures = 1;
    refusedHeader = "ce_id";
    assertThatThrownBy(() -> publisher.publish(ANSWER)).isInstanceOf(RecordTooLargeException.class);
    assertThat(tries).hasValue(2);
    assertThat(publisher.problem()).isNull();
  }

  @Test
  void aTopicThatTakesNothingIsAProblemForAsLongAsAnybodyTries() throws Exception {
    failures = 2;
    List<String> problems = new ArrayList<>();
    Fence looking =
        () -> {
          problems.add(publisher.problem());
          if (problems.size() == 2) { // another one's answer fails as well, and is given up
            assertThatThrownBy(() -> publisher.publish(ANSWER, closingAfter(1)))
                .isInstanceOf(FencedException.class);
            problems.add(publisher.problem());
          }
        };
    publisher.publish(ANSWER, looking);
    assertThat(problems).hasSize(3);
    assertThat(problems.getFirst()).isNull();
    assertThat(problems.subList(1, 3))
        .allMatch(problem -> problem.contains("sandbox.failed failed"))
        .allMatch(problem -> problem.contains("the leader is away"));
    assertThat(publisher.problem()).isNull();
  }

  @Test
  void anAnswerIsTriedAgainWhileThePartitionIsThisWorkers() throws Exception {
    failures = 2;
    publisher.publish(ANSWER, closingAfter(3));
    assertThat(producer.history()).hasSize(1);
  }

  @Test
  void anEntryIsNotTriedAgainOnceThePartitionIsAnothers() {
    failures = 1;
    LiveSandbox entry = new LiveSandbox(ANNA, "c", "host", "worker", Instant.EPOCH);
    assertThatThrownBy(() -> publisher.open(entry, closingAfter(1)))
        .isInstanceOf(FencedException.class);
    assertThat(producer.history()).isEmpty();
  }

  @Test
  void anEventThatIsHandedOverIsTriedOnce() {
    failures = 1;
    assertThat(publisher.publishAsync(ANSWER)).isCompletedExceptionally();
    assertThat(tries).hasValue(1);
    assertThat(publisher.publishAsync(ANSWER)).isCompleted();
    assertThat(producer.history()).hasSize(1);
  }

  @Test
  void anAnswerHasTheTraceOfTheRecordThatIsWorkedOnAndTablesHaveNone() throws Exception {
    RecordHeaders trace = new RecordHeaders();
    trace.add(
        "traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".getBytes(UTF_8));
    trace.add("tracestate", "vendor=1".getBytes(UTF_8));
    trace.add("baggage", "tenant=blue".getBytes(UTF_8));
    ConsumerRecord<byte[], byte[]> ensure = misplaced();
    trace.forEach(ensure.headers()::add);
    try (Step _ = Tracing.OFF.received(ensure, ANNA).begin()) {
      publisher.publish(ANSWER);
      publisher.publish(ANSWER, Fence.OPEN);
      publisher.publishAsync(ANSWER).join();
      publisher.open(new LiveSandbox(ANNA, "c", "host", "worker", Instant.EPOCH));
    }
    publisher.publish(ANSWER);
    assertThat(producer.history().subList(0, 3))
        .allSatisfy(answer -> assertThat(answer.headers().toArray()).contains(trace.toArray()));
    assertThat(producer.history().subList(3, 5))
        .allSatisfy(
            record -> assertThat(record.headers().toArray()).doesNotContain(trace.toArray()));
  }

  private static ConsumerRecord<byte[], byte[]> misplaced() {
    return misplaced(17);
  }

  private static ConsumerRecord<byte[], byte[]> misplaced(long offset) {
    RecordHeaders headers = new RecordHeaders();
    headers.add("trace", "t".getBytes(UTF_8));
    headers.add("ce_id", "e-1".getBytes(UTF_8));
    headers.add("content-type", "application/cloudevents+json".getBytes(UTF_8));
    return new ConsumerRecord<>(
        "sandbox.ensure",
        3,
        offset,
        1234,
        TimestampType.LOG_APPEND_TIME,
        0,
        0,
        "key".getBytes(UTF_8),
        " { \"as\": \"it was\" } ".getBytes(UTF_8),
        headers,
        Optional.empty());
  }

  @Test
  void aForwardedRecordKeepsItsBytesHeadersAndTime() throws Exception {
    assertThat(publisher.forward(List.of(misplaced()), 2)).isZero();
    ProducerRecord<byte[], byte[]> sent = producer.history().getFirst();
    assertThat(sent.topic()).isEqualTo("sandbox.ensure");
    assertThat(sent.partition()).isEqualTo(2);
    assertThat(sent.timestamp()).isEqualTo(1234);
    assertThat(sent.key()).isEqualTo(misplaced().key());
    assertThat(sent.value()).isEqualTo(misplaced().value());
    assertThat(sent.headers().lastHeader("trace").value()).isEqualTo("t".getBytes(UTF_8));
    assertThat(new String(sent.headers().lastHeader("zcbot_forwarded").value(), UTF_8))
        .isEqualTo("3-17@1234");
  }

  private static List<String> forwardedFrom(MockProducer<byte[], byte[]> producer) {
    return producer.history().stream()
        .map(each -> new String(each.headers().lastHeader("zcbot_forwarded").value(), UTF_8))
        .toList();
  }

  /** Those of a key would come at one a round trip, and hold up what others wrote meanwhile. */
  @Test
  void recordsAreForwardedBeforeTheOneBeforeIsAcknowledged() throws Exception {
    MockProducer<byte[], byte[]> log =
        new MockProducer<>(false, null, new ByteArraySerializer(), new ByteArraySerializer());
    Publisher publisher =
        new Publisher(log, new KeyPartitions(4), "sandbox.", "/source", "group", 64, this::copy);
    FutureTask<Integer> forwarding =
        new FutureTask<>(
            () -> publisher.forward(List.of(misplaced(17), misplaced(18), misplaced(19)), 2));
    Thread thread = Thread.ofVirtual().start(forwarding);
    await().until(() -> log.history().size() == 3);

    assertThat(log.completeNext()).isTrue();
    assertThat(log.errorNext(new TimeoutException("given up"))).isTrue();
    assertThat(log.completeNext()).isTrue();
    await().until(log::completeNext);
    await().until(log::completeNext);
    thread.join();
    assertThat(forwarding.get()).isZero();
    assertThat(forwardedFrom(log))
        .containsExactly("3-17@1234", "3-18@1234", "3-19@1234", "3-18@1234", "3-19@1234");
  }

  @Test
  void noRecordIsForwardedBeforeOneThatTheProducerRefuses() throws Exception {
    failures = 1;
    assertThat(publisher.forward(List.of(misplaced(17), misplaced(18)), 2)).isZero();
    assertThat(forwardedFrom(producer)).containsExactly("3-17@1234", "3-18@1234");
  }

  @Test
  void aRecordWhoseHeadersLeaveNoRoomIsForwardedWithThoseThatItIsReadBy() throws Exception {
    refusedHeader = "trace";
    ConsumerRecord<byte[], byte[]> record = misplaced();
    record.headers().add("zcbot_reply_to", "sandbox.reply.a".getBytes(UTF_8));
    assertThat(publisher.forward(List.of(record), 2)).isZero();
    assertThat(producer.history().getFirst().headers())
        .extracting(Header::key)
        .containsExactly("ce_id", "content-type", "zcbot_reply_to", "zcbot_forwarded");
  }

  @Test
  void aRecordWhichTheyLeaveNoRoomEitherIsForwardedWithoutThem() throws Exception {
    refusedHeader = "ce_id";
    assertThat(publisher.forward(List.of(misplaced()), 2)).isZero();
    assertThat(producer.history().getFirst().headers())
        .extracting(Header::key)
        .containsExactly("zcbot_forwarded");
  }

  /** Its topic's max.message.bytes may have been lowered since. Its offset must not stay for it. */
  @Test
  void aRecordThatFitsInNoWayBecomesADeadLetter() throws Exception {
    refusedHeader = "zcbot_forwarded";
    assertThat(publisher.forward(List.of(misplaced()), 2)).isOne();
    ProducerRecord<byte[], byte[]> sent = producer.history().getFirst();
    assertThat(producer.history()).hasSize(1);
    assertThat(sent.topic()).isEqualTo("sandbox.dead-letter");
    assertThat(sent.value()).isEqualTo(misplaced().value());
    assertThat(new String(sent.headers().lastHeader("zcbot_error_field").value(), UTF_8))
        .isEqualTo("value");
    assertThat(new String(sent.headers().lastHeader("zcbot_error").value(), UTF_8))
        .startsWith("value: ")
        .contains("partition 2", "max.message.bytes of sandbox.ensure", "redrive");
  }
}
