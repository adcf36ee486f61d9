/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reply;

import java.util.ArrayDeque;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Supplier;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.jspecify.annotations.Nullable;

/**
 * The state of a topic for replies, and the copies that wait for it. Guarded by the lock of {@link
 * ReplyCopies}, except for {@link #exists}.
 */
final class ReplyTopic {
  final String name;

  /** Copies that the producer does not have yet. */
  private final ArrayDeque<Copy> waiting = new ArrayDeque<>();

  private int waitingBytes;

  /** Whether Kafka said that the topic exists. The producer must not see its name before. */
  volatile boolean exists;

  /** Whether a thread sends the copies that wait. */
  boolean isSending;

  /** Whether its last copies took so long that callers do not wait for copies any more. */
  boolean isLate;

  /** The bytes that the producer has and Kafka has not acknowledged. */
  int bytes;

  private @Nullable ReplyDrop refusal;
  private long refusedUntil;

  /** An answer that is to be copied. */
  record Copy(
      int size,
      Supplier<ProducerRecord<byte[], byte[]>> record,
      CompletableFuture<Void> settled,
      AtomicBoolean isOver) {
    Copy(int size, Supplier<ProducerRecord<byte[], byte[]>> record) {
      this(size, record, new CompletableFuture<>(), new AtomicBoolean());
    }
  }

  ReplyTopic(String name) {
    this.name = name;
  }

  /** Why nothing is copied to it now; null if copies are tried. */
  @Nullable ReplyDrop refusal(long now) {
    return refusal != null && refusedUntil - now > 0 ? refusal : null;
  }

  /** Refuses copies for a while; returns those that waited. */
  List<Copy> refuse(ReplyDrop why, long until) {
    exists = false;
    refusal = why;
    refusedUntil = until;
    return takeAll();
  }

  boolean isWaiting() {
    return !waiting.isEmpty();
  }

  /** The bytes that the producer does not have yet. */
  int waitingBytes() {
    return waitingBytes;
  }

  void add(Copy copy) {
    waiting.add(copy);
    waitingBytes += copy.size();
  }

  /** The copy whose turn it is; null if none waits. */
  @Nullable Copy first() {
    return waiting.peek();
  }

  Copy removeFirst() {
    Copy first = waiting.remove();
    waitingBytes -= first.size();
    return first;
  }

  List<Copy> waiting() {
    return List.copyOf(waiting);
  }

  List<Copy> takeAll() {
    List<Copy> all = waiting();
    waiting.clear();
    waitingBytes = 0;
    return all;
  }

  boolean isIdle() {
    return !isSending && bytes == 0;
  }
}
