/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.kafka;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.worker.publish.DeadLetterHeaders;
import java.util.Optional;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.record.TimestampType;
import org.junit.jupiter.api.Test;

class HeaderLimitTest {
  private static ConsumerRecord<byte[], byte[]> record(Headers headers) {
    return new ConsumerRecord<>(
        "topic",
        3,
        7,
        11,
        TimestampType.CREATE_TIME,
        1,
        2,
        new byte[1],
        new byte[2],
        headers,
        Optional.of(5));
  }

  private static Headers empty(int count) {
    Headers headers = new RecordHeaders();
    for (int i = 0; i < count; i++) {
      headers.add("", null);
    }
    return headers;
  }

  @Test
  void aRecordWithinTheLimitIsKeptAsItIs() {
    ConsumerRecord<byte[], byte[]> record = record(empty(HeaderLimit.MOST));
    assertThat(HeaderLimit.within(record)).isSameAs(record);
  }

  @Test
  void aRecordBeyondItKeepsTheLastOfEachHeaderThatIsRead() {
    Headers headers = new RecordHeaders();
    for (String name : new String[] {"ce_id", "zcbot_reply_to", "zcbot_forwarded", "traceparent"}) {
      headers.add(name, "first".getBytes(UTF_8)).add(name, "last".getBytes(UTF_8));
    }
    headers.add("mine", new byte[9]);
    empty(HeaderLimit.MOST).forEach(headers::add);
    ConsumerRecord<byte[], byte[]> kept = HeaderLimit.within(record(headers));
    assertThat(kept.headers())
        .extracting(header -> header.key() + "=" + new String(header.value(), UTF_8))
        .containsExactlyInAnyOrder(
            "ce_id=last",
            "zcbot_reply_to=last",
            "zcbot_forwarded=last",
            "traceparent=last",
            "zcbot_truncated=true");
    assertThat(kept)
        .usingRecursiveComparison()
        .ignoringFields("headers")
        .isEqualTo(record(headers));
  }

  @Test
  void allHeadersThatAreReadAreKept() {
    assertThat(HeaderLimit.READ)
        .contains(
            "content-type",
            "tracestate",
            "baggage",
            DeadLetterHeaders.TOPIC,
            DeadLetterHeaders.PARTITION,
            DeadLetterHeaders.OFFSET,
            DeadLetterHeaders.ERROR,
            DeadLetterHeaders.ERROR_FIELD,
            DeadLetterHeaders.REDRIVEN);
    assertThat(HeaderLimit.TRUNCATED).isEqualTo(DeadLetterHeaders.TRUNCATED);
  }

  @Test
  void anEmptyHeaderTakesMemory() {
    assertThat(RecordSize.of(record(empty(1000)))).isEqualTo(3 + 1000 * 150);
  }
}
