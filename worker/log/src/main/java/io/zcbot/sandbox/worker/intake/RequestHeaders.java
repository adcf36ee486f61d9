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

/** Reads the headers of requests that affect their answers. */
final class RequestHeaders {
  private RequestHeaders() {}

  /**
   * Reads the headers of a request. Invalid headers become the problem of the context.
   *
   * @param topic the topic of the record, without its prefix
   */
  static RequestContext contextOf(ConsumerRecord<byte[], byte[]> record, Topic topic) {
    try {
      return new RequestContext(replyTo(record, topic), null);
    } catch (EventFormatException e) {
      return new RequestContext(null, e.getMessage());
    }
  }

  /**
   * The topic to which a request wants its answers copied; null if none.
   *
   * @throws EventFormatException if answers may not be copied there
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
