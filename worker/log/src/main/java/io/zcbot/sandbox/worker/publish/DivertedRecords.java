/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.publish;

import io.zcbot.sandbox.events.CloudEvents;
import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.events.ReplyTo;
import io.zcbot.sandbox.worker.kafka.ForwardedFrom;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.function.BooleanSupplier;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sends input records elsewhere: to the partition of their key, or to the dead-letter topic. The
 * calls block until the log has them.
 */
final class DivertedRecords {
  private static final Logger log = LoggerFactory.getLogger(DivertedRecords.class);

  /** Headers without which a record would be read differently, or answered elsewhere. */
  private static final List<String> NEEDED_TO_READ =
      List.of(CloudEvents.ID, CloudEvents.CONTENT_TYPE, ReplyTo.HEADER);

  private static final int TRUNCATED_BYTES = 64 * 1024;

  private final String deadLetters;
  private final String group;
  private final Sender sender;
  private final SenderOnce once;

  /** Sends a record and returns once the log has it. */
  interface Sender {
    void send(ProducerRecord<byte[], byte[]> record) throws InterruptedException;
  }

  /**
   * Waits until a record may be handed over and tries once, unless that is in vain by then. The
   * result fails if the log does not take it.
   */
  interface SenderOnce {
    CompletableFuture<Void> send(ProducerRecord<byte[], byte[]> record, BooleanSupplier isVain)
        throws InterruptedException;
  }

  /**
   * Creates the sender of diverted records.
   *
   * @param deadLetters the dead-letter topic
   * @param group the workers' group, named in dead letters
   */
  DivertedRecords(String deadLetters, String group, Sender sender, SenderOnce once) {
    this.deadLetters = deadLetters;
    this.group = group;
    this.sender = sender;
    this.once = once;
  }

  /**
   * Forwards records to another partition of their topic, in their order. A record that is too
   * large even without headers goes to the dead-letter topic, because its topic may accept less
   * than when it was written, and its reader can do no more.
   *
   * @return how many went to the dead-letter topic
   */
  int forward(List<ConsumerRecord<byte[], byte[]>> records, int partition)
      throws InterruptedException {
    int tooLarge = 0;
    int sent = sendTogether(records, partition);
    for (ConsumerRecord<byte[], byte[]> record : records.subList(sent, records.size())) {
      if (!isForwarded(record, partition)) {
        tooLarge++;
      }
    }
    return tooLarge;
  }

  /**
   * Sends records without waiting for each; the producer keeps their order. Records behind one that
   * fails may be in the log, but must be sent again behind it.
   *
   * @return how many the log has, up to the first that failed
   */
  private int sendTogether(List<ConsumerRecord<byte[], byte[]>> records, int partition)
      throws InterruptedException {
    List<CompletableFuture<Void>> sent = new ArrayList<>();
    BooleanSupplier isVain =
        () -> sent.stream().anyMatch(CompletableFuture::isCompletedExceptionally);
    for (ConsumerRecord<byte[], byte[]> record : records) {
      if (isVain.getAsBoolean()) {
        break;
      }
      sent.add(once.send(forwarded(record, partition, headersOf(record)), isVain));
    }
    int acknowledged = 0;
    boolean hasFailed = false;
    for (CompletableFuture<Void> each : sent) {
      try {
        each.get(); // the producer's delivery.timeout.ms bounds it
        acknowledged += hasFailed ? 0 : 1;
      } catch (ExecutionException _) {
        hasFailed = true; // the next try reports the reason
      }
    }
    return acknowledged;
  }

  private static Headers headersOf(ConsumerRecord<byte[], byte[]> record) {
    return new RecordHeaders(record.headers().toArray());
  }

  /**
   * Sends a record, without headers if it is too large; false if it went to the dead-letter topic.
   */
  private boolean isForwarded(ConsumerRecord<byte[], byte[]> record, int partition)
      throws InterruptedException {
    Headers needed = new RecordHeaders();
    for (String name : NEEDED_TO_READ) {
      Header header = record.headers().lastHeader(name);
      if (header != null) {
        needed.add(header);
      }
    }
    for (Headers headers : List.of(headersOf(record), needed)) {
      try {
        sender.send(forwarded(record, partition, headers));
        return true;
      } catch (RecordTooLargeException e) {
        log.warn("a record is forwarded without headers of its own: {}", e.getMessage());
      }
    }
    try {
      sender.send(forwarded(record, partition, new RecordHeaders()));
      return true;
    } catch (RecordTooLargeException e) {
      String problem =
          ("is too large to be forwarded to partition %d, where its key belongs (%s); raise"
                  + " max.message.bytes of %s, or max.request.size of the workers, and redrive it")
              .formatted(partition, e.getMessage(), record.topic());
      log.warn(
          "the record at offset {} of {}-{} is written to the dead-letter topic: it {}",
          record.offset(),
          record.topic(),
          record.partition(),
          problem);
      deadLetter(record, new DeadLetterHeaders.Reason("value", "value: " + problem));
      return false;
    }
  }

  private static ProducerRecord<byte[], byte[]> forwarded(
      ConsumerRecord<byte[], byte[]> record, int partition, Headers headers) {
    ForwardedFrom.add(headers, record);
    // The header keeps the time too, since a topic with broker time replaces it.
    return new ProducerRecord<>(
        record.topic(),
        partition,
        Math.max(0, record.timestamp()),
        record.key(),
        record.value(),
        headers);
  }

  /**
   * Writes a record to the dead-letter topic; truncated, or with only its position, if it is too
   * large.
   */
  void deadLetter(ConsumerRecord<byte[], byte[]> record, EventFormatException why)
      throws InterruptedException {
    deadLetter(record, new DeadLetterHeaders.Reason(why.field(), why.getMessage()));
  }

  private void deadLetter(ConsumerRecord<byte[], byte[]> record, DeadLetterHeaders.Reason why)
      throws InterruptedException {
    Headers headers = headersOf(record);
    DeadLetterHeaders.add(headers, record, why, group);
    try {
      sender.send(new ProducerRecord<>(deadLetters, null, record.key(), record.value(), headers));
      return;
    } catch (RecordTooLargeException e) {
      log.warn("a dead letter is truncated to {} bytes: {}", TRUNCATED_BYTES, e.getMessage());
    }
    // Drop the record's own headers: they may be what is too large.
    Headers origin = new RecordHeaders();
    DeadLetterHeaders.add(origin, record, why, group);
    DeadLetterHeaders.add(origin, DeadLetterHeaders.TRUNCATED, "true");
    try {
      sender.send(
          new ProducerRecord<>(deadLetters, null, cut(record.key()), cut(record.value()), origin));
    } catch (RecordTooLargeException e) {
      log.warn("a dead letter contains only its record's position: {}", e.getMessage());
      sender.send(
          new ProducerRecord<>(deadLetters, record.partition(), (Long) null, null, null, origin));
    }
  }

  private static byte @Nullable [] cut(byte @Nullable [] bytes) {
    return bytes == null || bytes.length <= TRUNCATED_BYTES
        ? bytes
        : Arrays.copyOf(bytes, TRUNCATED_BYTES);
  }
}
