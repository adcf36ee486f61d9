/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.events.ReplyTo;
import io.zcbot.sandbox.events.Topic;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * How a client works, besides its connection to Kafka.
 *
 * @param topicPrefix what all topics' names begin with
 * @param replyTopic a topic to which workers copy the answers to this client, below {@code
 *     <prefix>reply.}; null to read them in the topics of all
 * @param requestedBy who asks, for people who read the log
 * @param maxInFlight how many requests may wait for their answer; more wait for their turn
 * @param maxBufferedBytes for the output of all commands that run, of which each takes its {@link
 *     Command#maxOutput}; more commands wait for their turn
 * @param metrics what is told what the client does
 */
public record ClientOptions(
    String topicPrefix,
    @Nullable String replyTopic,
    String requestedBy,
    int maxInFlight,
    long maxBufferedBytes,
    ClientMetrics metrics) {
  /** The usual topics, 10,000 requests and 256 MiB, metrics in Micrometer if it is there. */
  public static ClientOptions defaults() {
    return new ClientOptions(
        Topic.DEFAULT_PREFIX, null, "client-java", 10_000, 256L << 20, MicrometerMetrics.ifThere());
  }

  public ClientOptions {
    if (replyTopic != null) {
      try {
        ReplyTo.read(replyTopic.getBytes(StandardCharsets.UTF_8), topicPrefix);
      } catch (EventFormatException e) {
        throw new InvalidRequestException("replyTopic", "replyTopic: " + e.getMessage());
      }
    }
    if (maxInFlight < 1 || maxInFlight > Limits.MOST_REQUESTS) {
      throw new InvalidRequestException(
          "maxInFlight", "maxInFlight: must be from 1 to " + Limits.MOST_REQUESTS);
    }
    if (maxBufferedBytes < Command.MAX_OUTPUT || maxBufferedBytes > Limits.MOST_BYTES) {
      throw new InvalidRequestException(
          "maxBufferedBytes", "maxBufferedBytes: must be from 16 MiB to 1 TiB");
    }
  }

  /** What a caller who got no answer should know, besides that a worker may be missing. */
  String hintWithoutAnswer(Topic answers) {
    return replyTopic == null
        ? ""
        : "; or the answer is in "
            + answers.named(topicPrefix)
            + " and was not copied to the reply topic "
            + replyTopic
            + ", for which workers need Write and Describe ('sandbox topics acls --role worker')";
  }

  /** As these, with other topics. */
  public ClientOptions withTopicPrefix(String topicPrefix) {
    return new ClientOptions(
        topicPrefix, replyTopic, requestedBy, maxInFlight, maxBufferedBytes, metrics);
  }

  /** As these, with a reply topic, which must exist. */
  public ClientOptions withReplyTopic(String replyTopic) {
    return new ClientOptions(
        topicPrefix, replyTopic, requestedBy, maxInFlight, maxBufferedBytes, metrics);
  }

  /** As these, with another name in the log. */
  public ClientOptions withRequestedBy(String requestedBy) {
    return new ClientOptions(
        topicPrefix, replyTopic, requestedBy, maxInFlight, maxBufferedBytes, metrics);
  }

  /** As these, with other bounds. */
  public ClientOptions withBounds(int maxInFlight, long maxBufferedBytes) {
    return new ClientOptions(
        topicPrefix, replyTopic, requestedBy, maxInFlight, maxBufferedBytes, metrics);
  }

  /** As these, with other metrics. */
  public ClientOptions withMetrics(ClientMetrics metrics) {
    return new ClientOptions(
        topicPrefix, replyTopic, requestedBy, maxInFlight, maxBufferedBytes, metrics);
  }
}
