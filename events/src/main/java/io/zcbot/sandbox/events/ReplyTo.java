/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.nio.charset.StandardCharsets;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The headers with which a requester has the answers to an ensure or an exec copied to a topic of
 * its own. The topic's name must begin with {@link #prefix}, so that no other topic can be named.
 */
public final class ReplyTo {
  /** Header of an ensure or an exec: the topic to which its answers are copied. */
  public static final String HEADER = "zcbot_reply_to";

  /** Header of a copy: the topic of the original answer. */
  public static final String COPY_OF_HEADER = "zcbot_reply_of";

  /** The longest topic name that Kafka allows, in characters. */
  public static final int LONGEST_NAME = 249;

  private static final Pattern LEGAL = Pattern.compile("[a-zA-Z0-9._-]{1," + LONGEST_NAME + "}");

  private ReplyTo() {}

  /**
   * Returns the prefix of the names of all reply topics.
   *
   * @param topicPrefix the prefix of all topic names, for example {@link Topic#DEFAULT_PREFIX}
   */
  public static String prefix(String topicPrefix) {
    return topicPrefix + "reply.";
  }

  /**
   * Reads and checks the header {@link #HEADER} of a request.
   *
   * @param value the header's value
   * @param topicPrefix the prefix of all topic names, for example {@link Topic#DEFAULT_PREFIX}
   * @return the name of the reply topic
   * @throws EventFormatException if the value is not the legal name of a reply topic
   */
  public static String read(byte @Nullable [] value, String topicPrefix)
      throws EventFormatException {
    String prefix = prefix(topicPrefix);
    // One byte is one character: whatever is not ASCII is not legal anyway.
    String name =
        value == null
            ? ""
            : new String(
                value, 0, Math.min(value.length, LONGEST_NAME + 1), StandardCharsets.ISO_8859_1);
    if (!LEGAL.matcher(name).matches()
        || !name.startsWith(prefix)
        || name.length() == prefix.length()) {
      throw new EventFormatException(
          HEADER,
          "the header is "
              + UntrustedText.quote(name)
              + ", but must be the name of a topic that begins with "
              + prefix
              + " and has at most "
              + LONGEST_NAME
              + " characters, each a letter, a digit, '.', '_' or '-'");
    }
    return name;
  }
}
