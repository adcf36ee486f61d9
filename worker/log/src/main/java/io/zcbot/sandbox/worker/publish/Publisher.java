/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.publish;

import io.github.resilience4j.core.IntervalFunction;
import io.github.resilience4j.retry.Retry;
import io.github.resilience4j.retry.RetryConfig;
import io.zcbot.sandbox.events.CloudEvents;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.Output;
import io.zcbot.sandbox.events.ReplyTo;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.StoppedException;
import io.zcbot.sandbox.worker.intake.RecordForwarding;
import io.zcbot.sandbox.worker.kafka.CapacityHeader;
import io.zcbot.sandbox.worker.kafka.Denials;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import io.zcbot.sandbox.worker.reply.Replies;
import io.zcbot.sandbox.worker.sandbox.EventSink;
import io.zcbot.sandbox.worker.sandbox.Fence;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import io.zcbot.sandbox.worker.sandbox.LiveSandboxTable;
import io.zcbot.sandbox.worker.sandbox.RequestContext;
import io.zcbot.sandbox.worker.spans.Step;
import io.zcbot.sandbox.worker.trace.Trace;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.function.BooleanSupplier;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Publishes events and dead letters; a call returns once the brokers have acknowledged the record.
 * While Kafka is away, the caller is blocked, and its input record stays uncommitted, so nothing is
 * lost. Thread-safe.
 */
public final class Publisher
    implements EventSink, RecordForwarding, LiveSandboxTable, AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Publisher.class);

  private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(2);

  private final FairProducer producer;
  private final KeyPartitions partitions;
  private final String topicPrefix;
  private final String source;
  private final int capacity;
  private final DivertedRecords diverted;
  private final EventCodec codec = new EventCodec();
  private final Replies replies;
  private final Retry retry;
  private final PublishProblems problems = new PublishProblems();
  private volatile boolean closed;

  /**
   * Creates a publisher that owns the producer.
   *
   * @param source the CloudEvents source of what is published, a URI reference
   * @param group the workers' group, named in dead letters
   * @param capacity how many sandboxes this host takes, for the headers of the live table
   * @param replies copies answers to the topics that their requests name
   */
  public Publisher(
      Producer<byte[], byte[]> producer,
      KeyPartitions partitions,
      String topicPrefix,
      String source,
      String group,
      int capacity,
      Replies replies) {
    this.producer = new FairProducer(producer, partitions);
    this.partitions = partitions;
    this.topicPrefix = topicPrefix;
    this.source = source;
    this.capacity = capacity;
    this.diverted =
        new DivertedRecords(
            Topic.DEAD_LETTER.named(topicPrefix),
            group,
            record -> send(record, this.producer::sendInTurn),
            this.producer::sendOnceInTurn);
    this.replies = replies;
    this.retry =
        Retry.of(
            "publish",
            RetryConfig.custom()
                .maxAttempts(Integer.MAX_VALUE)
                .intervalFunction(
                    IntervalFunction.ofExponentialRandomBackoff(
                        Duration.ofMillis(100), 2.0, 0.5, Duration.ofSeconds(5)))
                .retryOnException(
                    e ->
                        !closed
                            && !(e instanceof InterruptedException)
                            && !(e instanceof FencedException)
                            && !(e instanceof RecordTooLargeException))
                .build());
  }

  /** Why publishing fails, for each topic; null while it works. */
  public @Nullable String problem() {
    return problems.text();
  }

  @Override
  public void publish(SandboxEvent event) throws InterruptedException {
    Trace.answered(event);
    send(record(event));
  }

  @Override
  public void publish(SandboxEvent event, Fence fence)
      throws FencedException, InterruptedException {
    Trace.answered(event);
    boolean isStreamed = event instanceof Output;
    send(record(event), fence, isStreamed ? producer::sendStreamedInTurn : producer::send);
  }

  @Override
  public CompletableFuture<Void> publishAsync(SandboxEvent event) {
    return sendOnce(record(event));
  }

  @Override
  public CompletableFuture<Void> publishAsync(
      SandboxEvent event, Fence fence, BooleanSupplier isVain)
      throws FencedException, InterruptedException {
    return producer.sendStreamed(record(event), fence, isVain);
  }

  @Override
  public EventSink answering(RequestContext request) {
    String topic = request.replyTo();
    // Checked again, since the name may come from an entry of the command table, which may be
    // forged.
    return topic == null || !topic.startsWith(ReplyTo.prefix(topicPrefix))
        ? this
        : new CopyingSink(this, replies, topic);
  }

  /** Sends a record once; the result fails if the log does not take it. */
  CompletableFuture<Void> sendOnce(ProducerRecord<byte[], byte[]> record) {
    return producer.sendOnce(record);
  }

  @Override
  public int forward(List<ConsumerRecord<byte[], byte[]>> records, int partition)
      throws InterruptedException {
    return diverted.forward(records, partition);
  }

  @Override
  public void deadLetter(ConsumerRecord<byte[], byte[]> record, EventFormatException why)
      throws InterruptedException {
    diverted.deadLetter(record, why);
  }

  @Override
  public void open(LiveSandbox sandbox) throws InterruptedException {
    send(liveRecord(sandbox.userId(), sandbox.containerId(), codec.encodeLive(sandbox)));
  }

  @Override
  public void open(LiveSandbox sandbox, Fence fence) throws FencedException, InterruptedException {
    send(liveRecord(sandbox.userId(), sandbox.containerId(), codec.encodeLive(sandbox)), fence);
  }

  @Override
  public void close(UserId user, String containerId) throws InterruptedException {
    send(liveRecord(user, containerId, null));
  }

  /** Names the user's partition, since the key contains more than the user. */
  private ProducerRecord<byte[], byte[]> liveRecord(
      UserId user, String containerId, byte @Nullable [] value) {
    Headers headers = new RecordHeaders();
    CapacityHeader.add(headers, capacity);
    return new ProducerRecord<>(
        nameOf(Topic.LIVE), partitionOf(user), codec.liveKey(user, containerId), value, headers);
  }

  private ProducerRecord<byte[], byte[]> record(SandboxEvent event) {
    return new ProducerRecord<>(
        nameOf(event.topic()), null, codec.key(event), codec.encode(event), headersOf(event));
  }

  Headers headersOf(SandboxEvent event) {
    Headers headers = new RecordHeaders();
    CloudEvents.headers(event, source)
        .forEach((name, value) -> headers.add(name, value.getBytes(StandardCharsets.UTF_8)));
    Trace.addTo(headers);
    return headers;
  }

  String nameOf(Topic topic) {
    return topic.named(topicPrefix);
  }

  int partitionOf(UserId user) {
    return partitions.of(user);
  }

  /** Hands a record to the producer, behind the fence. */
  private interface Sender {
    Future<RecordMetadata> send(ProducerRecord<byte[], byte[]> record, Fence fence)
        throws FencedException, InterruptedException;
  }

  void send(ProducerRecord<byte[], byte[]> record) throws InterruptedException {
    send(record, producer::send);
  }

  private void send(ProducerRecord<byte[], byte[]> record, Sender sender)
      throws InterruptedException {
    try {
      send(record, Fence.OPEN, sender);
    } catch (FencedException e) {
      throw new IllegalStateException("an open fence was closed", e);
    }
  }

  /**
   * Sends a record and returns once the log has it; retries until then.
   *
   * @param fence passed before each try
   * @throws RecordTooLargeException if the record is too large, which no retry changes
   * @throws StoppedException if the worker stops first
   */
  void send(ProducerRecord<byte[], byte[]> record, Fence fence)
      throws FencedException, InterruptedException {
    send(record, fence, producer::send);
  }

  private void send(ProducerRecord<byte[], byte[]> record, Fence fence, Sender sender)
      throws FencedException, InterruptedException {
    try (Step step = Trace.sending(record);
        PublishProblems.Sender tries = problems.sender(record.topic())) {
      step.run(
          () ->
              retry.executeCheckedSupplier(
                  () -> attempt(record, () -> sender.send(record, fence), tries)));
    } catch (FencedException | InterruptedException | RecordTooLargeException e) {
      throw e;
    } catch (Throwable e) { // retries have no limit, so only a stop ends them
      throw new StoppedException("the worker stopped before Kafka acknowledged the record", e);
    }
  }

  private Boolean attempt(
      ProducerRecord<byte[], byte[]> record,
      Callable<Future<RecordMetadata>> sending,
      PublishProblems.Sender tries)
      throws Throwable {
    try {
      Trace.acknowledged(sending.call().get());
      if (tries.leave()) {
        log.info("publishing to {} works again", record.topic());
      }
      return Boolean.TRUE;
    } catch (ExecutionException | RuntimeException e) {
      Throwable cause = e instanceof ExecutionException && e.getCause() != null ? e.getCause() : e;
      if (cause instanceof RecordTooLargeException) {
        throw cause;
      }
      String reason = Denials.reason(AclOperation.WRITE, cause, cause.toString());
      String message = "publishing to " + record.topic() + " failed: " + reason;
      if (tries.failed(message) && !closed) {
        log.warn("{}; will be tried again until it succeeds", message);
      }
      throw cause;
    }
  }

  /** Flushes for a limited time, and gives up what still waits. */
  @Override
  public void close() {
    closed = true;
    producer.close(CLOSE_TIMEOUT);
  }
}
