/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntConsumer;
import java.util.function.IntSupplier;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The behaviour that {@link AnswerReaderTest} tests with a mock, with Kafka's consumer and a real
 * broker.
 */
class AnswerReaderIT {
  private static final List<Topic> TOPICS = List.of(Topic.EXITED, Topic.OUTPUT);

  /**
   * Shows so many partitions of each topic. No broker leads those that there are not, as if their
   * leader were unavailable.
   *
   * @param assigned called with the number of partitions that are read
   */
  @SuppressWarnings("unchecked")
  private static Consumer<byte[], byte[]> showing(
      IntSupplier partitions, IntConsumer assigned, Consumer<byte[], byte[]> consumer) {
    return (Consumer<byte[], byte[]>)
        Proxy.newProxyInstance(
            Consumer.class.getClassLoader(),
            new Class<?>[] {Consumer.class},
            (proxy, method, arguments) -> {
              if (method.getName().equals("partitionsFor")) {
                String topic = (String) arguments[0];
                return IntStream.range(0, partitions.getAsInt())
                    .mapToObj(number -> partition(topic, number))
                    .toList();
              }
              if (method.getName().equals("assign")) {
                assigned.accept(((Collection<?>) arguments[0]).size());
              }
              try {
                return method.invoke(consumer, arguments);
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            });
  }

  private static PartitionInfo partition(String topic, int number) {
    return new PartitionInfo(topic, number, null, null, null);
  }

  private static UserId userOf(int partition, int partitions) {
    PartitionMap map = new PartitionMap("sandbox.", null);
    map.count("sandbox.exited", partitions);
    while (true) {
      UserId user = Samples.user();
      if (map.of(user, Topic.EXITED).contains(new TopicPartition("sandbox.exited", partition))) {
        return user;
      }
    }
  }

  private record Receiver(BlockingQueue<ConsumerRecord<byte[], byte[]>> read)
      implements AnswerReader.Receiver {
    @Override
    public void accept(ConsumerRecord<byte[], byte[]> record) {
      read.add(record);
    }

    @Override
    public void close() {}
  }

  @Test
  void aPartitionWithoutALeaderDelaysNoOtherUser() throws Exception {
    BlockingQueue<ConsumerRecord<byte[], byte[]>> read = new LinkedBlockingQueue<>();
    try (TestBed bed = TestBed.withoutSandboxes()) {
      for (Topic topic : Set.of(Topic.EXITED, Topic.OUTPUT, Topic.READY)) {
        bed.createTopic(topic.named("sandbox."), 1);
      }
      KafkaSettings kafka = new KafkaSettings(Map.of("bootstrap.servers", bed.bootstrapServers()));
      try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
          AnswerReader reader =
              new AnswerReader(
                  showing(() -> 2, assigned -> {}, kafka.consumer()),
                  ClientOptions.defaults(),
                  new Receiver(read),
                  kafka.reach())) {
        reader.start();
        UserId user = userOf(0, 2);
        reader.follow(user, TOPICS, Deadline.in(Duration.ofSeconds(60))).close();
        Deadline late = Deadline.in(Duration.ofSeconds(40));
        Future<?> waiting = threads.submit(() -> reader.follow(userOf(1, 2), TOPICS, late));
        while (!waiting.isDone()) {
          bed.forge(Topic.EXITED, user.toString(), new byte[] {1});
          assertThat(read.poll(60, TimeUnit.SECONDS)).isNotNull();
          reader.follow(user, List.of(Topic.READY), Deadline.in(Duration.ofSeconds(30))).close();
          // Without a pause, the loop takes a processor for 40 s, and shows no more.
          Thread.sleep(250);
        }
        assertThat(waiting)
            .failsWithin(Duration.ofSeconds(60))
            .withThrowableOfType(ExecutionException.class)
            .withCauseInstanceOf(NoAnswerException.class);
      }
    }
  }

  /** Kafka's consumer finds no offset by time in a partition that has no records. */
  @Test
  void aNewPartitionWithoutALeaderDelaysNoUserOfAnEmptyOne() throws Exception {
    List<Topic> topics = List.of(Topic.EXITED);
    AtomicInteger shown = new AtomicInteger(1);
    CountDownLatch raised = new CountDownLatch(1);
    IntConsumer assigned =
        count -> {
          if (count == 3) {
            raised.countDown();
          }
        };
    try (TestBed bed = TestBed.withoutSandboxes()) {
      bed.createTopic("sandbox.exited", 2);
      KafkaSettings kafka = new KafkaSettings(Map.of("bootstrap.servers", bed.bootstrapServers()));
      try (AnswerReader reader =
          new AnswerReader(
              showing(shown::get, assigned, kafka.consumer()),
              ClientOptions.defaults(),
              new Receiver(new LinkedBlockingQueue<>()),
              kafka.reach())) {
        reader.start();
        UserId user = userOf(1, 3);
        AnswerReader.Following following =
            reader.follow(user, topics, Deadline.in(Duration.ofSeconds(60)));
        AnswerReader.Following unlucky =
            reader.follow(userOf(2, 3), topics, Deadline.in(Duration.ofSeconds(60)));
        shown.set(3);
        assertThat(raised.await(60, TimeUnit.SECONDS)).isTrue();
        reader.follow(user, topics, Deadline.in(Duration.ofSeconds(60))).close();
        following.close();
        unlucky.close();
      }
    }
  }

  /** Begins at the beginning of partitions where it is first to begin at their end. */
  @SuppressWarnings("unchecked")
  private static Consumer<byte[], byte[]> fromTheBeginning(Consumer<byte[], byte[]> consumer) {
    AtomicBoolean isBegun = new AtomicBoolean();
    return (Consumer<byte[], byte[]>)
        Proxy.newProxyInstance(
            Consumer.class.getClassLoader(),
            new Class<?>[] {Consumer.class},
            (proxy, method, arguments) -> {
              if (method.getName().equals("seekToEnd") && !isBegun.getAndSet(true)) {
                consumer.seekToBeginning((Collection<TopicPartition>) arguments[0]);
                return null;
              }
              try {
                return method.invoke(consumer, arguments);
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            });
  }

  /**
   * A broker does not check the batches that it sends.
   *
   * @param damaged a byte of the batch's header: its version, or one of its checksum
   */
  @ParameterizedTest
  @ValueSource(ints = {16, 17})
  void aDamagedBatchStopsNoOtherPartitionAndIsLeftOutInTheEnd(int damaged) throws Exception {
    BlockingQueue<ConsumerRecord<byte[], byte[]>> read = new LinkedBlockingQueue<>();
    String user = TestBed.newUser();
    try (TestBed bed = TestBed.withoutSandboxes()) {
      for (Topic topic : TOPICS) {
        bed.createTopic(topic.named("sandbox."), 1);
      }
      bed.forge(Topic.EXITED, user, new byte[] {1});
      bed.damage("sandbox.exited", damaged);
      KafkaSettings kafka = new KafkaSettings(Map.of("bootstrap.servers", bed.bootstrapServers()));
      try (AnswerReader reader =
          new AnswerReader(
              fromTheBeginning(kafka.consumer()),
              ClientOptions.defaults(),
              new Receiver(read),
              kafka.reach())) {
        reader.start();
        Deadline soon = Deadline.in(Duration.ofSeconds(60));
        try (var following = reader.follow(UserId.parse(user), TOPICS, soon)) {
          assertThat(following).isNotNull();
          await()
              .atMost(Duration.ofSeconds(60))
              .until(() -> reader.trouble(List.of(Topic.EXITED)) != null);
          bed.forge(Topic.OUTPUT, user, new byte[] {2});
          assertThat(read.poll(60, TimeUnit.SECONDS))
              .isNotNull()
              .returns("sandbox.output", ConsumerRecord::topic);
          await()
              .atMost(Duration.ofSeconds(60))
              .untilAsserted(
                  () -> {
                    bed.forge(Topic.EXITED, user, new byte[] {3});
                    assertThat(read.poll(1, TimeUnit.SECONDS))
                        .isNotNull()
                        .returns("sandbox.exited", ConsumerRecord::topic);
                  });
        }
      }
    }
  }
}
