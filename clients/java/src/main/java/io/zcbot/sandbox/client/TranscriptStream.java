/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import io.zcbot.sandbox.events.OutputStreamName;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import org.jspecify.annotations.Nullable;

/** One of a command's output streams, as it comes. */
final class TranscriptStream extends InputStream {
  private final Transcript transcript;
  private final OutputStreamName name;
  private final Deadline deadline;
  private int index;
  private byte[] piece = {};
  private int at;

  TranscriptStream(Transcript transcript, OutputStreamName name, Deadline deadline) {
    this.transcript = transcript;
    this.name = name;
    this.deadline = deadline;
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public int read(byte[] to, int from, int length) throws IOException {
    if (length == 0) {
      return 0;
    }
    while (at == piece.length) {
      OutputChunk chunk = next();
      if (chunk == null) {
        return -1;
      }
      if (chunk.stream() == name) {
        piece = chunk.bytes();
        at = 0;
      }
    }
    int count = Math.min(length, piece.length - at);
    System.arraycopy(piece, at, to, from, count);
    at += count;
    return count;
  }

  private @Nullable OutputChunk next() throws IOException {
    try {
      OutputChunk chunk = transcript.chunk(index, deadline);
      if (chunk == null && transcript.missing() > 0) {
        throw new IOException(transcript.missing() + " records of the output did not arrive");
      }
      index++;
      return chunk;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted");
    } catch (SandboxException e) {
      throw new IOException(e.getMessage(), e);
    }
  }
}
