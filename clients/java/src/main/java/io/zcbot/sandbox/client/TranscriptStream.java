/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import io.zcbot.sandbox.events.OutputStreamName;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** One of a command's output streams, as it arrives. */
final class TranscriptStream extends PieceStream {
  private final Transcript transcript;
  private final OutputStreamName name;
  private final Deadline deadline;
  private int index;

  TranscriptStream(Transcript transcript, OutputStreamName name, Deadline deadline) {
    this.transcript = transcript;
    this.name = name;
    this.deadline = deadline;
  }

  @Override
  byte @Nullable [] next() throws IOException, InterruptedException {
    Transcript.Piece piece = transcript.piece(index, deadline);
    if (piece != null) {
      index++;
      return piece.stream() == name ? piece.data().toByteArray() : new byte[0];
    }
    if (transcript.missing() > 0) {
      throw new IOException(transcript.missing() + " records of the output did not arrive");
    }
    return null;
  }
}
