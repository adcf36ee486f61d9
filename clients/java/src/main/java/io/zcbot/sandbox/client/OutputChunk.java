/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.OutputStreamName;

/**
 * A piece of a command's output, in the order in which it was written. What a command writes is
 * hostile: do not print it on a terminal.
 *
 * @param stream where the command wrote it
 * @param data its bytes; none in a chunk that has only the text of an incomplete character
 * @param text the stream as UTF-8, where malformed bytes are replaced. A character that was cut in
 *     two is in the chunk with its end. One whose end never comes is replaced in another chunk,
 *     after all others.
 */
public record OutputChunk(OutputStreamName stream, Data data, String text) {
  /** A copy of the bytes. */
  public byte[] bytes() {
    return data.toByteArray();
  }
}
