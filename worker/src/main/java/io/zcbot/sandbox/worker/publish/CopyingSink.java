/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.publish;

import io.zcbot.sandbox.events.ReplyTo;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.worker.reply.Replies;
import io.zcbot.sandbox.worker.sandbox.EventSink;
import io.zcbot.sandbox.worker.sandbox.Fence;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.producer.ProducerRecord;

/**
 * Publishes the answers to a request, and copies each to the requester's topic once the log has it.
 * Then the answer is given, whatever becomes of the copy.
 */
final class CopyingSink implements EventSink {
  private final Publisher publisher;
  private final Replies replies;
  private final String replyTo;

  CopyingSink(Publisher publisher, Replies replies, String replyTo) {
    this.publisher = publisher;
    this.replies = replies;
    this.replyTo = replyTo;
  }

  @Override
  public void publish(SandboxEvent event) throws InterruptedException {
    ProducerRecord<byte[], byte[]> answer = publisher.record(event);
    publisher.send(answer);
    awaitCopy(event, answer);
  }

  @Override
  public void publish(SandboxEvent event, Fence fence)
      throws FencedException, InterruptedException {
    ProducerRecord<byte[], byte[]> answer = publisher.record(event);
    publisher.send(answer, fence);
    awaitCopy(event, answer);
  }

  @Override
  public CompletableFuture<Void> publishAsync(SandboxEvent event) {
    ProducerRecord<byte[], byte[]> answer = publisher.record(event);
    int size = answer.value().length;
    return publisher.sendOnce(answer).thenCompose(_ -> copy(event, size));
  }

  private void awaitCopy(SandboxEvent event, ProducerRecord<byte[], byte[]> answer) {
    try {
      copy(event, answer.value().length).get();
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt(); // the log has the answer all the same
    } catch (ExecutionException e) {
      throw new IllegalStateException("a copy never fails", e);
    }
  }

  /** The event is encoded anew when it is written, so that its JSON takes no memory until then. */
  private CompletableFuture<Void> copy(SandboxEvent event, int size) {
    return replies.copy(replyTo, size, () -> copyOf(publisher.record(event)));
  }

  private ProducerRecord<byte[], byte[]> copyOf(ProducerRecord<byte[], byte[]> answer) {
    answer.headers().add(ReplyTo.COPY_OF_HEADER, answer.topic().getBytes(StandardCharsets.UTF_8));
    return new ProducerRecord<>(replyTo, null, answer.key(), answer.value(), answer.headers());
  }
}
