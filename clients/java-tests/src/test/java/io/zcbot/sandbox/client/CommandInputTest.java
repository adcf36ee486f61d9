/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.events.Input;
import io.zcbot.sandbox.events.Origin;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.producer.Callback;
import org.apache.kafka.clients.producer.MockProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Pieces of standard input that are not acknowledged, though the log may have them or get them. */
class CommandInputTest {
  private final MockProducer<byte[], byte[]> producer =
      new MockProducer<>(false, null, new ByteArraySerializer(), new ByteArraySerializer()) {
        @Override
        public Future<RecordMetadata> send(
            ProducerRecord<byte[], byte[]> record, Callback callback) {
          Future<RecordMetadata> sent = super.send(record, callback);
          if (isFailing) {
            errorNext(new KafkaException("no answer"));
          } else if (isSilent) {
            wasSent.countDown();
          } else {
            completeNext();
          }
          return sent;
        }
      };
  private final Publisher publisher =
      new Publisher(() -> producer, ClientOptions.defaults(), Samples.reach());
  private final UserId user = Samples.user();
  private final Transcript transcript =
      new Transcript(100, Duration.ofSeconds(10), System::nanoTime);
  private final CommandInput input =
      new CommandInput(publisher, user, "x", transcript.over(), Deadline.in(Duration.ofHours(1)));
  private boolean isFailing;
  private volatile boolean isSilent;
  private final CountDownLatch wasSent = new CountDownLatch(1);

  @AfterEach
  void stop() {
    publisher.close();
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  /** The texts of the pieces that the producer got; "END" for the end. */
  private List<String> sent() throws EventFormatException {
    EventCodec codec = new EventCodec();
    List<String> sent = new ArrayList<>();
    for (ProducerRecord<byte[], byte[]> each : producer.history()) {
      Origin origin = new Origin(each.topic(), 0, 0, Samples.NOW);
      Input event = (Input) codec.decode(Topic.INPUT, each.key(), each.value(), origin);
      sent.add(event.content() instanceof Input.Content.Bytes piece ? piece.data().text() : "END");
    }
    return sent;
  }

  @Test
  void whatIsWrittenIsSentOnceAndThenTheEnd() throws Exception {
    input.write(bytes("a"));
    input.flush();
    input.flush();
    input.write(bytes("b"));
    input.close();
    input.close();
    assertThat(sent()).containsExactly("a", "b", "END");
  }

  /** A client has thousands of commands, and few of them read any input. */
  @Test
  void inputThatNobodyWritesTakesNoMemory() {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    List<CommandInput> inputs = new ArrayList<>();
    long before = threads.getCurrentThreadAllocatedBytes();
    for (int i = 0; i < 100; i++) {
      inputs.add(
          new CommandInput(
              publisher, user, "x", transcript.over(), Deadline.in(Duration.ofHours(1))));
    }
    assertThat(threads.getCurrentThreadAllocatedBytes() - before).isLessThan(inputs.size() * 4096L);
  }

  @Test
  void aPieceThatFailedIsNotSentAgainAndNoEndFollowsIt() throws Exception {
    isFailing = true;
    assertThatThrownBy(
            () -> {
              try (OutputStream closed = input) {
                closed.write(bytes("a"));
                closed.flush();
              }
            })
        .isInstanceOf(IOException.class)
        .hasMessageContaining("no answer");
    isFailing = false;
    input.close();
    assertThat(sent()).containsExactly("a");
  }

  @Test
  void nothingCanBeWrittenAfterAPieceThatFailed() throws Exception {
    isFailing = true;
    input.write(bytes("a"));
    assertThatThrownBy(input::flush).isInstanceOf(IOException.class);
    isFailing = false;
    assertThatThrownBy(() -> input.write(bytes("b")))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("may be incomplete");
    assertThatThrownBy(input::flush).isInstanceOf(IOException.class);
    input.close();
    assertThat(sent()).containsExactly("a");
  }

  /** A buffer keeps the bytes whose writing failed, and writes them again when it is closed. */
  @Test
  void aBufferInFrontOfItSendsNothingAgain() throws Exception {
    OutputStream buffer = new BufferedOutputStream(input, 2 * CommandInput.MAX_BYTES);
    buffer.write(new byte[CommandInput.MAX_BYTES + 1]);
    isFailing = true;
    assertThatThrownBy(buffer::flush).isInstanceOf(IOException.class);
    isFailing = false;
    assertThatThrownBy(buffer::close).isInstanceOf(IOException.class);
    assertThat(sent()).hasSize(1);
  }

  @Test
  void aPieceWhoseWriterWasInterruptedIsNotSentAgain() throws Exception {
    input.write(bytes("a"));
    Thread.currentThread().interrupt();
    assertThatThrownBy(input::flush).isInstanceOf(InterruptedIOException.class);
    assertThat(Thread.interrupted()).isTrue();
    input.close();
    assertThat(sent()).containsExactly("a");
  }

  @Test
  void nobodyWaitsForTheAcknowledgementOfWhatACommandThatHasEndedWillNotRead() throws Exception {
    isSilent = true;
    FutureTask<Object> write =
        new FutureTask<>(
            () -> {
              input.write(bytes("a"));
              input.flush();
              return "";
            });
    Thread.ofPlatform().daemon().start(write);
    assertThat(wasSent.await(60, TimeUnit.SECONDS)).isTrue();
    transcript.end(Samples.exited(user, "x", 0));
    assertThatThrownBy(() -> write.get(90, TimeUnit.SECONDS))
        .hasRootCauseMessage("the command has ended, or was closed");
    input.close();
    assertThat(sent()).containsExactly("a");
  }
}
