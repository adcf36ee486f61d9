/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.OutputStreamName;
import java.nio.charset.StandardCharsets;

/**
 * A piece of a command's output, in the order in which it was written. A character can be cut in
 * two by the end of a piece. What a command writes is hostile: do not print it on a terminal.
 *
 * @param stream where the command wrote it
 */
public record OutputChunk(OutputStreamName stream, Data data) {
  /** A copy of the bytes. */
  public byte[] bytes() {
    return data.toByteArray();
  }

  /** The bytes as UTF-8; what is malformed is replaced. */
  public String text() {
    return new String(data.toByteArray(), StandardCharsets.UTF_8);
  }
}
