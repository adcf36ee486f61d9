/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.OutputStreamName;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/** Decodes one output stream, whose pieces can end anywhere, even within a character. */
final class OutputDecoder {
  private final OutputStreamName stream;
  private final CharsetDecoder decoder =
      StandardCharsets.UTF_8
          .newDecoder()
          .onMalformedInput(CodingErrorAction.REPLACE)
          .onUnmappableCharacter(CodingErrorAction.REPLACE);

  /** The beginning of a character whose end has not come yet: at most three bytes. */
  private byte[] beginning = {};

  OutputDecoder(OutputStreamName stream) {
    this.stream = stream;
  }

  /** Decodes the next piece of the stream. */
  OutputChunk chunk(Data data) {
    ByteBuffer bytes =
        ByteBuffer.allocate(beginning.length + data.length())
            .put(beginning)
            .put(data.toByteBuffer())
            .flip();
    CharBuffer text = CharBuffer.allocate(bytes.remaining()); // UTF-8 has no more chars than bytes
    CoderResult unused = decoder.decode(bytes, text, false);
    beginning = new byte[bytes.remaining()];
    bytes.get(beginning);
    return new OutputChunk(stream, data, text.flip().toString());
  }

  /** Returns the rest at the end of the stream; null if there is none. */
  @Nullable OutputChunk last() {
    return beginning.length == 0
        ? null
        : new OutputChunk(stream, Data.EMPTY, new String(beginning, StandardCharsets.UTF_8));
  }
}
