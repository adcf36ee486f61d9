/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.console;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import io.zcbot.sandbox.worker.config.KafkaConfig;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.DescribeConsumerGroupsResult;
import org.apache.kafka.clients.admin.ListConsumerGroupOffsetsResult;
import org.apache.kafka.clients.admin.ListOffsetsResult;
import org.apache.kafka.clients.admin.MemberAssignment;
import org.apache.kafka.clients.admin.MemberDescription;
import org.apache.kafka.clients.admin.internals.CoordinatorKey;
import org.apache.kafka.common.GroupType;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.internals.KafkaFutureImpl;
import org.junit.jupiter.api.Test;

class GroupWatchTest {
  private static final KafkaConfig CONFIG =
      new KafkaConfig(Map.of(), "workers", "sandbox.", false, 4, (short) 1);
  private static final TopicPartition PARTITION = new TopicPartition("sandbox.ensure", 0);

  /** The brokers do not tell the end of a partition without a leader. */
  @Test
  void theWorkersAreShownAlsoWhileTheLagIsNotKnown() throws Exception {
    TestFleet fleet = new TestFleet();
    String notAsked = GroupState.UNKNOWN.problem();
    try (GroupWatch _ = GroupWatch.start(GroupWatchTest::silentAboutEnds, CONFIG, fleet.fleet)) {
      await()
          .atMost(Duration.ofSeconds(60))
          .until(() -> !fleet.overview().get("groupProblem").asText().equals(notAsked));
    }
    JsonNode overview = fleet.overview();
    assertThat(overview.get("groupProblem").asText()).isEmpty();
    assertThat(overview.get("workers").get("worker-1").asInt()).isOne();
    assertThat(overview.get("lag").asLong()).isEqualTo(-1);
  }

  private static Admin silentAboutEnds() {
    return (Admin)
        Proxy.newProxyInstance(
            Admin.class.getClassLoader(),
            new Class<?>[] {Admin.class},
            (_, method, _) ->
                switch (method.getName()) {
                  case "describeConsumerGroups" ->
                      new DescribeConsumerGroupsResult(
                          Map.of(CONFIG.groupId(), KafkaFuture.completedFuture(oneWorker())));
                  case "listConsumerGroupOffsets" -> nothingDone();
                  case "listOffsets" -> new NoAnswer();
                  case "close" -> null;
                  default -> throw new UnsupportedOperationException(method.getName());
                });
  }

  private static ConsumerGroupDescription oneWorker() {
    MemberDescription worker =
        new MemberDescription(
            "member",
            Optional.of("worker-1"),
            Optional.empty(),
            "client",
            "/10.0.0.1",
            new MemberAssignment(Set.of(PARTITION)),
            Optional.empty(),
            Optional.empty(),
            Optional.empty());
    return new ConsumerGroupDescription(
        CONFIG.groupId(),
        false,
        List.of(worker),
        "uniform",
        GroupType.CONSUMER,
        org.apache.kafka.common.GroupState.STABLE,
        Node.noNode(),
        Set.of(),
        Optional.empty(),
        Optional.empty());
  }

  private static Object nothingDone() throws ReflectiveOperationException {
    var constructor = ListConsumerGroupOffsetsResult.class.getDeclaredConstructor(Map.class);
    constructor.setAccessible(true);
    return constructor.newInstance(
        Map.of(CoordinatorKey.byGroupId(CONFIG.groupId()), KafkaFuture.completedFuture(Map.of())));
  }

  private static final class NoAnswer extends ListOffsetsResult {
    NoAnswer() {
      super(Map.of());
    }

    @Override
    public KafkaFuture<Map<TopicPartition, ListOffsetsResultInfo>> all() {
      return new KafkaFutureImpl<>() {
        @Override
        public Map<TopicPartition, ListOffsetsResultInfo> get(long timeout, TimeUnit unit)
            throws TimeoutException {
          throw new TimeoutException();
        }
      };
    }
  }
}
