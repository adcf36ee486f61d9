/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.publish;

import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Output;
import io.zcbot.sandbox.events.ReplyTo;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.worker.reply.Replies;
import io.zcbot.sandbox.worker.sandbox.EventSink;
import io.zcbot.sandbox.worker.sandbox.Fence;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Headers;
import org.jspecify.annotations.Nullable;

/**
 * Publishes the answers to a request, and copies each to the topic that the request names, once the
 * log has the answer. A failed copy does not affect the answer.
 */
final class CopyingSink implements EventSink {
  /** The size of the fields other than output, in bytes. */
  private static final int FIELDS = 1024;

  private final Publisher publisher;
  private final Replies replies;
  private final String replyTo;
  private final EventCodec codec = new EventCodec();

  CopyingSink(Publisher publisher, Replies replies, String replyTo) {
    this.publisher = publisher;
    this.replies = replies;
    this.replyTo = replyTo;
  }

  @Override
  public void publish(SandboxEvent event) throws InterruptedException {
    Supplier<ProducerRecord<byte[], byte[]>> copy = copyOf(event);
    publisher.publish(event);
    await(replies.copy(replyTo, sizeOf(event), copy));
  }

  @Override
  public void publish(SandboxEvent event, Fence fence)
      throws FencedException, InterruptedException {
    Supplier<ProducerRecord<byte[], byte[]>> copy = copyOf(event);
    publisher.publish(event, fence);
    await(replies.copy(replyTo, sizeOf(event), copy));
  }

  @Override
  public CompletableFuture<Void> publishAsync(SandboxEvent event) {
    Supplier<ProducerRecord<byte[], byte[]>> copy = copyOf(event);
    return publisher
        .publishAsync(event)
        .thenCompose(_ -> replies.copy(replyTo, sizeOf(event), copy));
  }

  @Override
  public CompletableFuture<Void> publishAsync(
      SandboxEvent event, Fence fence, BooleanSupplier isVain)
      throws FencedException, InterruptedException {
    Supplier<ProducerRecord<byte[], byte[]>> copy = copyOf(event);
    return publisher
        .publishAsync(event, fence, isVain)
        .thenCompose(_ -> replies.copy(replyTo, sizeOf(event), copy));
  }

  private static void await(CompletableFuture<Void> copied) {
    try {
      copied.get();
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt(); // the log has the answer already
    } catch (ExecutionException e) {
      throw new IllegalStateException("a copy never fails", e);
    }
  }

  /** The approximate size of the event's JSON, in bytes. */
  private static int sizeOf(SandboxEvent event) {
    return FIELDS
        + switch (event) {
          case Output output -> output.data().length();
          case Exited exited -> length(exited.stdout()) + length(exited.stderr());
          default -> 0;
        };
  }

  private static int length(@Nullable Data data) {
    return data == null ? 0 : data.length();
  }

  /**
   * Makes the copy to write later. The headers are taken now, while the trace is current; the event
   * is encoded when it is written, so that its JSON takes no memory until then.
   */
  private Supplier<ProducerRecord<byte[], byte[]>> copyOf(SandboxEvent event) {
    Headers headers = publisher.headersOf(event);
    headers.add(
        ReplyTo.COPY_OF_HEADER, publisher.nameOf(event.topic()).getBytes(StandardCharsets.UTF_8));
    return () ->
        new ProducerRecord<>(replyTo, null, codec.key(event), codec.encode(event), headers);
  }
}
