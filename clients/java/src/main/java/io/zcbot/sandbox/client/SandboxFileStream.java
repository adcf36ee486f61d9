/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import org.jspecify.annotations.Nullable;

/** Reads a file of a sandbox piece by piece, up to the first piece that is not full. */
final class SandboxFileStream extends PieceStream {
  /** Reads a piece of a file. */
  interface Pieces {
    byte[] from(long position) throws InterruptedException;
  }

  private final Pieces pieces;
  private long fetched;
  private boolean isLast;

  SandboxFileStream(Pieces pieces) {
    this.pieces = pieces;
  }

  @Override
  byte @Nullable [] next() throws InterruptedException {
    if (isLast) {
      return null;
    }
    byte[] piece = pieces.from(fetched);
    fetched += piece.length;
    isLast = piece.length < SandboxFiles.PIECE;
    return piece;
  }
}
