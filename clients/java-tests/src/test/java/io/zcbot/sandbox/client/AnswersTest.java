/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.client.ClientMetrics.RecordUse;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.ReplyTo;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.junit.jupiter.api.Test;

class AnswersTest {
  private static final String REPLY = "sandbox.reply.mine";

  private final List<RecordUse> uses = new ArrayList<>();
  private final ClientOptions options =
      ClientOptions.defaults()
          .withReplyTopic(REPLY)
          .withMetrics(
              new ClientMetrics() {
                @Override
                public void read(RecordUse use) {
                  uses.add(use);
                }
              });
  private final Answers answers = new Answers(options);
  private final EventCodec codec = new EventCodec();
  private final UserId user = Samples.user();
  private final Mailbox<SandboxEvent> mail = new Mailbox<>();

  private static ConsumerRecord<byte[], byte[]> record(String topic, byte[] key, byte[] value) {
    return new ConsumerRecord<>(topic, 0, 0, key, value);
  }

  private RecordUse read(ConsumerRecord<byte[], byte[]> record) {
    uses.clear();
    answers.accept(record);
    assertThat(uses).hasSize(1);
    return uses.getFirst();
  }

  private RecordUse read(SandboxEvent event) {
    return read(record(event.topic().named("sandbox."), codec.key(event), codec.encode(event)));
  }

  private SandboxEvent taken() throws InterruptedException {
    return mail.take(Deadline.in(Duration.ofSeconds(1), () -> 0).atMost(Duration.ofNanos(1)));
  }

  @Test
  void anAnswerIsHandedToWhoeverAskedAndToNobodyElse() throws Exception {
    Answers.Registration waiting = answers.expect(user, "e1", mail);
    assertThat(read(Samples.ready(user, "e2"))).isEqualTo(RecordUse.FOREIGN);
    assertThat(read(Samples.ready(Samples.user(), "e1"))).isEqualTo(RecordUse.FOREIGN);
    assertThat(taken()).isNull();
    assertThat(read(Samples.ready(user, "e1"))).isEqualTo(RecordUse.OWN);
    assertThat(taken()).isEqualTo(Samples.ready(user, "e1"));
    assertThat(read(Samples.failed(user, "e1"))).isEqualTo(RecordUse.OWN);
    assertThat(taken()).isEqualTo(Samples.failed(user, "e1"));
    waiting.close();
    assertThat(read(Samples.ready(user, "e1"))).isEqualTo(RecordUse.FOREIGN);
  }

  @Test
  void recordsOfOthersAreNotEvenDecoded() {
    answers.expect(user, "e1", mail);
    byte[] nonsense = {1, 2, 3};
    assertThat(read(record("sandbox.ready", nonsense, nonsense))).isEqualTo(RecordUse.FOREIGN);
    assertThat(read(record("sandbox.ready", null, nonsense))).isEqualTo(RecordUse.FOREIGN);
    byte[] key = user.toString().getBytes(StandardCharsets.US_ASCII);
    assertThat(read(record("sandbox.ready", key, nonsense))).isEqualTo(RecordUse.UNUSABLE);
    assertThat(read(record("sandbox.ready", key, null))).isEqualTo(RecordUse.UNUSABLE);
    assertThat(read(record("sandbox.ready", key, new byte[70_000]))).isEqualTo(RecordUse.UNUSABLE);
  }

  @Test
  void aRecordInAnotherUsersNameIsUnusable() {
    answers.expect(user, "e1", mail);
    SandboxEvent forged = Samples.ready(Samples.user(), "e1");
    byte[] key = user.toString().getBytes(StandardCharsets.US_ASCII);
    assertThat(read(record("sandbox.ready", key, codec.encode(forged))))
        .isEqualTo(RecordUse.UNUSABLE);
  }

  @Test
  void anEndOfAnotherCommandIsNotTaken() {
    Transcript transcript = new Transcript(100, Duration.ofSeconds(10), () -> 0);
    answers.expect(user, "x1", transcript);
    assertThat(read(Samples.exited(user, "x2", 0))).isEqualTo(RecordUse.FOREIGN);
    assertThat(read(Samples.output(user, "x2", 0, "a"))).isEqualTo(RecordUse.FOREIGN);
    assertThat(transcript.isOver()).isFalse();
    assertThat(read(Samples.output(user, "x1", 0, "a"))).isEqualTo(RecordUse.OWN);
    assertThat(read(Samples.output(user, "x1", 0, "a"))).isEqualTo(RecordUse.UNUSABLE);
    assertThat(read(Samples.exited(user, "x1", 1))).isEqualTo(RecordUse.OWN);
    assertThat(transcript.isOver()).isTrue();
  }

  @Test
  void aListenerHearsOfTheUserWhoseLastOneLeavesMeanwhile() {
    Answers.Registration leaving = answers.listen(user, new Heard());
    Heard heard = new LateHeard(leaving);
    answers.listen(user, heard);
    assertThat(read(Samples.reaped(user, "e"))).isEqualTo(RecordUse.OWN);
    assertThat(heard.events).hasSize(1);
  }

  private static class Heard implements Answers.Listener {
    final List<SandboxEvent> events = new ArrayList<>();

    @Override
    public void heard(SandboxEvent event) {
      events.add(event);
    }

    @Override
    public void closed() {}
  }

  /** While it is added to a set, another one leaves, or waits until it is added. */
  private static final class LateHeard extends Heard {
    private final Thread leaver;

    LateHeard(Answers.Registration leaving) {
      leaver = Thread.ofPlatform().daemon().unstarted(leaving::close);
    }

    @Override
    public int hashCode() {
      if (leaver.getState() == Thread.State.NEW) {
        leaver.start();
        await()
            .atMost(Duration.ofSeconds(60))
            .until(
                () ->
                    Set.of(Thread.State.BLOCKED, Thread.State.TERMINATED)
                        .contains(leaver.getState()));
      }
      return 1;
    }

    @Override
    public boolean equals(Object other) {
      return this == other;
    }
  }

  @Test
  void aCopyInTheReplyTopicIsTakenForWhatItsHeaderNames() throws Exception {
    answers.expect(user, "e1", mail);
    SandboxEvent ready = Samples.ready(user, "e1");
    var copy = record(REPLY, codec.key(ready), codec.encode(ready));
    assertThat(read(copy)).isEqualTo(RecordUse.UNUSABLE);
    copy.headers().add(ReplyTo.COPY_OF_HEADER, "sandbox.nonsense".getBytes(StandardCharsets.UTF_8));
    assertThat(read(copy)).isEqualTo(RecordUse.UNUSABLE);
    copy.headers()
        .add(
            ReplyTo.COPY_OF_HEADER, Topic.READY.named("sandbox.").getBytes(StandardCharsets.UTF_8));
    assertThat(read(copy)).isEqualTo(RecordUse.OWN);
    assertThat(taken()).isEqualTo(ready);
  }
}
