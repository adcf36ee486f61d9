/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.client.ClientMetrics.RecordUse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * How many of each other's answers clients read, with and without reply topics. With {@code
 * -Dzcbot.client.count=100}, this is the measurement in docs/clients.md.
 */
@Timeout(value = 20, unit = TimeUnit.MINUTES)
class ReplyTopicsIT {
  private static final int CLIENTS = Integer.getInteger("zcbot.client.count", 3);
  private static final int USERS = 4;
  private static final int ROUNDS = 5;

  @Test
  void aClientWithAReplyTopicReadsItsOwnAnswersOnly() throws Exception {
    try (TestBed bed =
        TestBed.withoutSandboxes()
            .with("ZCBOT_SANDBOX_MAX", String.valueOf(2 * CLIENTS * USERS + 10))
            .with("ZCBOT_NEW_USERS_PER_MINUTE", "100000")
            .start()) {
      for (int i = 0; i < CLIENTS; i++) {
        bed.createTopic("sandbox.reply.client-" + i, 1);
      }
      Map<RecordUse, Integer> ofAll = measure(bed, false);
      Map<RecordUse, Integer> ofReplies = measure(bed, true);
      int answers = CLIENTS * USERS * ROUNDS;
      System.out.printf(
          "%d clients, %d answers; read in the topics of all: %s, in reply topics: %s%n",
          CLIENTS, answers, ofAll, ofReplies);
      assertThat(ofAll).containsEntry(RecordUse.OWN, answers);
      assertThat(ofAll.containsKey(RecordUse.FOREIGN)).isEqualTo(CLIENTS > 1);
      assertThat(ofReplies).isEqualTo(Map.of(RecordUse.OWN, answers)); // and nobody else's
    }
  }

  /** A topic that takes no record stands for all that keeps workers from writing a copy. */
  @Test
  void withoutCopiesAnErrorNamesTheReplyTopicAndWhatWorkersNeed() throws Exception {
    String absent = "sandbox.reply.absent";
    String useless = "sandbox.reply.useless";
    try (TestBed bed = TestBed.withoutSandboxes().start();
        SandboxClient of = bed.client(ClientOptions.defaults().withReplyTopic(absent));
        SandboxClient client = bed.client(ClientOptions.defaults().withReplyTopic(useless))) {
      assertThatThrownBy(() -> of.sandbox(TestBed.newUser()).ensure())
          .isInstanceOf(SandboxException.class)
          .hasMessageContaining(absent + " does not exist")
          .hasMessageContaining("by an operator");
      bed.createTopic(useless, 1, Map.of("max.message.bytes", "1"));
      Sandbox sandbox = client.sandbox(TestBed.newUser());
      EnsureOptions brief = EnsureOptions.DEFAULT.within(Duration.ofSeconds(3));
      await()
          .atMost(Duration.ofMinutes(2)) // until Kafka says in time where answers will be
          .untilAsserted(
              () ->
                  assertThatThrownBy(() -> sandbox.ensure(brief))
                      .isInstanceOf(NoAnswerException.class)
                      .hasMessageContaining("the answer is in sandbox.ready")
                      .hasMessageContaining(useless + ", for which workers need Write"));
    }
  }

  private static Map<RecordUse, Integer> measure(TestBed bed, boolean reply) throws Exception {
    Map<RecordUse, Integer> read = new ConcurrentHashMap<>();
    ClientOptions options =
        ClientOptions.defaults()
            .withMetrics(
                new ClientMetrics() {
                  @Override
                  public void read(RecordUse use) {
                    read.merge(use, 1, Integer::sum);
                  }
                });
    List<SandboxClient> clients =
        IntStream.range(0, CLIENTS)
            .mapToObj(i -> reply ? options.withReplyTopic("sandbox.reply.client-" + i) : options)
            .map(bed::client)
            .toList();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<?>> done = new ArrayList<>();
      for (SandboxClient client : clients) {
        done.add(
            threads.submit(
                () -> {
                  List<String> users =
                      IntStream.range(0, USERS).mapToObj(i -> TestBed.newUser()).toList();
                  for (int i = 0; i < ROUNDS; i++) {
                    for (String user : users) {
                      client
                          .sandbox(user)
                          .ensure(EnsureOptions.DEFAULT.within(Duration.ofMinutes(5)));
                    }
                  }
                  return null;
                }));
      }
      for (Future<?> each : done) {
        each.get(15, TimeUnit.MINUTES);
      }
    } finally {
      clients.forEach(SandboxClient::close);
    }
    return read;
  }
}
