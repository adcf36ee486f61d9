/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.trace;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.opentelemetry.api.OpenTelemetry;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.spans.Spans;
import io.zcbot.sandbox.worker.spans.Step;
import java.lang.management.ManagementFactory;
import java.util.UUID;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Isolated;

/**
 * The cost of tracing where nobody configured OpenTelemetry, for the calls that a usual ensure
 * makes.
 */
@Isolated
class TracingCostTest {
  private static final int RECORDS = 20_000;
  private static final UserId ANNA = new UserId(new UUID(1, 1));
  private static final RecordMetadata AT =
      new RecordMetadata(new TopicPartition("sandbox.ready", 0), 1, 0, 0, 0, 0);

  private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
  private final Tracing tracing = Tracing.of(OpenTelemetry.noop(), "group");

  private record Cost(long nanos, long bytes) {}

  private Cost costOf(ConsumerRecord<byte[], byte[]> record) {
    ProducerRecord<byte[], byte[]> entry =
        new ProducerRecord<>("sandbox.live", null, new byte[0], new byte[0]);
    long bytes = threads.getCurrentThreadAllocatedBytes();
    long started = threads.getCurrentThreadCpuTime();
    for (int i = 0; i < RECORDS; i++) {
      try (Step _ = tracing.received(record, ANNA).begin()) {
        for (int call = 0; call < 4; call++) {
          try (Step _ = Spans.engine("create")) {
            Trace.acknowledged(AT);
          }
        }
        for (int send = 0; send < 2; send++) {
          try (Step _ = Trace.sending(entry)) {
            Trace.acknowledged(AT);
          }
        }
      }
    }
    return new Cost(
        (threads.getCurrentThreadCpuTime() - started) / RECORDS,
        (threads.getCurrentThreadAllocatedBytes() - bytes) / RECORDS);
  }

  private Cost warmCostOf(ConsumerRecord<byte[], byte[]> record) {
    for (int i = 0; i < 3; i++) {
      costOf(record);
    }
    return costOf(record);
  }

  @Test
  void offCostsNothingWorthMentioning() {
    ConsumerRecord<byte[], byte[]> plain =
        new ConsumerRecord<>("sandbox.ensure", 0, 0, new byte[0], new byte[0]);
    ConsumerRecord<byte[], byte[]> traced =
        new ConsumerRecord<>("sandbox.ensure", 0, 0, new byte[0], new byte[0]);
    traced
        .headers()
        .add(
            "traceparent",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".getBytes(UTF_8));

    Cost withoutTrace = warmCostOf(plain);
    Cost withTrace = warmCostOf(traced);
    // Of processor time. An ensure takes milliseconds.
    assertThat(withoutTrace.nanos()).as("nanoseconds without a trace").isLessThan(20_000);
    assertThat(withTrace.nanos()).as("nanoseconds with a trace").isLessThan(50_000);
    assertThat(withoutTrace.bytes()).as("bytes without a trace").isLessThan(200);
    assertThat(withTrace.bytes()).as("bytes with a trace").isLessThan(2_000);
  }
}
