/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.events.ReplyTo;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.sandbox.RequestContext;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Header;
import org.jspecify.annotations.Nullable;

/** The headers of requests that their answers depend on. */
final class RequestHeaders {
  private RequestHeaders() {}

  /**
   * What the headers of a request say.
   *
   * @param topic that it lies in, whatever the prefix
   */
  static RequestContext contextOf(ConsumerRecord<byte[], byte[]> record, Topic topic) {
    try {
      return new RequestContext(replyTo(record, topic), null);
    } catch (EventFormatException e) {
      return new RequestContext(null, e.getMessage());
    }
  }

  /**
   * The topic that a request wants its answers copied to; null if none.
   *
   * @throws EventFormatException if they may not be copied there
   */
  static @Nullable String replyTo(ConsumerRecord<byte[], byte[]> record, Topic topic)
      throws EventFormatException {
    Header header = record.headers().lastHeader(ReplyTo.HEADER);
    if (header == null) {
      return null;
    }
    int suffix = topic.named("").length();
    return ReplyTo.read(
        header.value(), record.topic().substring(0, record.topic().length() - suffix));
  }
}
