/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.OutputStreamName;

/**
 * A piece of a command's output, in the order in which it was written. Output is untrusted: do not
 * print it on a terminal without escaping it. Immutable.
 *
 * @param stream the stream to which the command wrote
 * @param data the bytes; empty in a chunk that has only the text of an incomplete character
 * @param text the stream decoded as UTF-8, with malformed bytes replaced. A character that is split
 *     between two chunks is in the one with its end. A character whose end never comes is replaced
 *     in an additional chunk after all others.
 */
public record OutputChunk(OutputStreamName stream, Data data, String text) {
  /** Returns a copy of the bytes. */
  public byte[] bytes() {
    return data.toByteArray();
  }
}
