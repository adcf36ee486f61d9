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

/** What is known of a topic for replies, and what is to be copied there. Not thread-safe. */
final class ReplyTopic {
  final String name;

  /** Copies that the producer does not have yet. */
  private final ArrayDeque<Copy> waiting = new ArrayDeque<>();

  private int waitingBytes;

  /** Whether Kafka said so. Only then the producer may hear of it. */
  volatile boolean exists;

  /** Whether a thread is at work on what waits. */
  boolean isSending;

  /** Whether its last copies took so long that nobody waits for them any more. */
  boolean isLate;

  /** What the producer has and Kafka has not acknowledged. */
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

  /** Takes no copies for a while; returns those that waited. */
  List<Copy> refuse(ReplyDrop why, long until) {
    exists = false;
    refusal = why;
    refusedUntil = until;
    return takeAll();
  }

  boolean isWaiting() {
    return !waiting.isEmpty();
  }

  /** What the producer does not have yet. */
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
