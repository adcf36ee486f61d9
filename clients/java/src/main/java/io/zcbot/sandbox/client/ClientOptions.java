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
 * Options of a client, in addition to those of its connection to Kafka. Immutable.
 *
 * @param topicPrefix the prefix of all topic names, {@code sandbox.} by default
 * @param replyTopic an existing topic to which workers copy the answers to this client; its name
 *     must begin with {@code <topicPrefix>reply.}; if null, the client reads the topics of all
 *     clients
 * @param requestedBy the name of the requester, for people who read the log
 * @param maxInFlight how many requests may wait for their answer at the same time, from 1 to
 *     1,000,000; further requests wait for their turn
 * @param maxBufferedBytes bytes for the output of all running commands, from 16 MiB to 1 TiB; each
 *     command takes its {@link Command#maxOutput(int)}, and further commands wait for their turn;
 *     the commands of one user get a quarter at most, but 16 MiB at least
 * @param isRepeating whether requests that were answered {@code retryable}, so that nothing ran,
 *     are repeated until their deadline, as is the default; the first repeat of a client is logged
 * @param metrics receives what the client counts
 */
public record ClientOptions(
    String topicPrefix,
    @Nullable String replyTopic,
    String requestedBy,
    int maxInFlight,
    long maxBufferedBytes,
    boolean isRepeating,
    ClientMetrics metrics) {
  /**
   * Returns the defaults: topics with the prefix {@code sandbox.}, no reply topic, 10,000 requests,
   * 256 MiB, and metrics in Micrometer's global registry if Micrometer is on the class path.
   */
  public static ClientOptions defaults() {
    return new ClientOptions(
        Topic.DEFAULT_PREFIX,
        null,
        "client-java",
        10_000,
        256L << 20,
        true,
        MicrometerMetrics.ifThere());
  }

  /**
   * Checks the reply topic and the bounds.
   *
   * @throws InvalidRequestException if one of them is not allowed; it names the parameter
   */
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

  /** Returns what can be wrong if there is no answer, other than a missing worker. */
  String hintWithoutAnswer(Topic answers) {
    return replyTopic == null
        ? ""
        : "; or the answer is in "
            + answers.named(topicPrefix)
            + " and was not copied to the reply topic "
            + replyTopic
            + ", for which workers need Write and Describe ('sandbox topics acls --role worker')";
  }

  /**
   * Returns these options with another prefix of the topic names.
   *
   * @throws InvalidRequestException if the reply topic does not have the new prefix
   */
  public ClientOptions withTopicPrefix(String topicPrefix) {
    return new ClientOptions(
        topicPrefix, replyTopic, requestedBy, maxInFlight, maxBufferedBytes, isRepeating, metrics);
  }

  /**
   * Returns these options with a reply topic, which must exist.
   *
   * @throws InvalidRequestException if the name is not that of a reply topic
   */
  public ClientOptions withReplyTopic(String replyTopic) {
    return new ClientOptions(
        topicPrefix, replyTopic, requestedBy, maxInFlight, maxBufferedBytes, isRepeating, metrics);
  }

  /** Returns these options with another name of the requester. */
  public ClientOptions withRequestedBy(String requestedBy) {
    return new ClientOptions(
        topicPrefix, replyTopic, requestedBy, maxInFlight, maxBufferedBytes, isRepeating, metrics);
  }

  /**
   * Returns these options with other bounds.
   *
   * @throws InvalidRequestException if a bound is out of range
   */
  public ClientOptions withBounds(int maxInFlight, long maxBufferedBytes) {
    return new ClientOptions(
        topicPrefix, replyTopic, requestedBy, maxInFlight, maxBufferedBytes, isRepeating, metrics);
  }

  /**
   * Returns these options without repeats: what is answered {@code retryable} is an exception at
   * once, and the caller decides. An operation with files runs each of its commands once.
   */
  public ClientOptions withoutRepeats() {
    return new ClientOptions(
        topicPrefix, replyTopic, requestedBy, maxInFlight, maxBufferedBytes, false, metrics);
  }

  /** Returns these options with another receiver of metrics. */
  public ClientOptions withMetrics(ClientMetrics metrics) {
    return new ClientOptions(
        topicPrefix, replyTopic, requestedBy, maxInFlight, maxBufferedBytes, isRepeating, metrics);
  }
}
