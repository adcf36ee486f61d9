/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.files;

import io.zcbot.sandbox.client.SandboxException;
import io.zcbot.sandbox.gateway.files.SandboxFileSystemException.Kind;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.util.Objects;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import org.jspecify.annotations.Nullable;

/**
 * The content of a file, whose length is known. It is fetched in pieces: the next one while the
 * current one is read, from the first read on. Its reading throws {@link IOException} with a {@link
 * SandboxException} or {@link SandboxFileSystemException} as its cause, also if the file was
 * replaced or became shorter meanwhile. For one thread at a time; closing it ends what it fetches.
 */
public final class FileContent extends InputStream {
  /** Bytes that are fetched by one command. */
  static final int PIECE = 4 << 20;

  /** How many bytes a content has in memory at most. */
  public static final int MOST_HELD = 2 * PIECE;

  /** Fetches a part of a file, or all that there is of it. */
  interface Source {
    Piece fetch(long from, int count) throws InterruptedException;
  }

  /**
   * A part of a file.
   *
   * @param identity something that another file does not have
   * @param fileLength the length of the whole file
   */
  record Piece(String identity, long fileLength, ByteBuffer content) {}

  private final Source source;
  private final String identity;
  private final long fileLength;
  private final long length;

  /** Where the file's next piece begins that was not asked for. */
  private long next;

  private final long end;
  private ByteBuffer piece;
  private @Nullable FutureTask<Piece> fetching;
  private boolean isBegun;

  private FileContent(Source source, long start, long length, Piece first) {
    this.source = source;
    this.identity = first.identity();
    this.fileLength = first.fileLength();
    this.length = length;
    this.next = start + first.content().remaining();
    this.end = start + length;
    this.piece = first.content();
  }

  /**
   * Fetches the first piece.
   *
   * @param start where the content begins in the file
   * @param most how long it is at most
   * @param firstPiece how long the first piece is
   */
  static FileContent open(Source source, long start, long most, int firstPiece)
      throws InterruptedException {
    if (start < 0 || most < 0) {
      throw new SandboxFileSystemException(
          Kind.INVALID_ARGUMENT, "a range of a file begins at 0 or later and is 0 or longer");
    }
    int count = (int) Math.min(most, firstPiece);
    Piece first = source.fetch(start, count);
    long length = Math.min(most, Math.max(0, first.fileLength() - start));
    int had = first.content().remaining();
    if (had > count || had < Math.min(length, count)) {
      throw SandboxFileSystemException.nonsense();
    }
    // A file that grows meanwhile may bring more than its length was.
    first.content().limit((int) Math.min(length, had));
    return new FileContent(source, start, length, first);
  }

  /** Returns the length of the content, in bytes. */
  public long length() {
    return length;
  }

  /** Returns how many bytes it has in memory at most, once it is read. */
  public int held() {
    return (int) Math.min(MOST_HELD, length);
  }

  /** Returns the length of the file of which this is a part or all. */
  public long fileLength() {
    return fileLength;
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public int read(byte[] to, int from, int count) throws IOException {
    Objects.checkFromIndexSize(from, count, to.length);
    if (count == 0) {
      return 0;
    }
    if (!isBegun) {
      isBegun = true;
      fetch();
    }
    if (!piece.hasRemaining()) {
      if (fetching == null) {
        return -1;
      }
      piece = fetched(fetching);
      fetch();
    }
    int given = Math.min(count, piece.remaining());
    piece.get(to, from, given);
    return given;
  }

  /** Begins to fetch the next piece, if there is one. */
  private void fetch() {
    long from = next;
    int count = (int) Math.min(PIECE, end - from);
    if (count == 0) {
      fetching = null;
      return;
    }
    next += count;
    FutureTask<Piece> task = new FutureTask<>(() -> whole(source.fetch(from, count), count));
    fetching = task;
    Thread.ofVirtual().name("zcbot-gateway-read").start(task);
  }

  private Piece whole(Piece fetched, int count) {
    if (!fetched.identity().equals(identity)) {
      throw new SandboxFileSystemException(
          Kind.INTERNAL, "the file was replaced while it was read; read it again");
    }
    if (fetched.content().remaining() != count) {
      throw new SandboxFileSystemException(
          Kind.INTERNAL, "the file became shorter while it was read; read it again");
    }
    return fetched;
  }

  private static ByteBuffer fetched(FutureTask<Piece> task) throws IOException {
    try {
      return task.get().content();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted");
    } catch (ExecutionException e) {
      Throwable cause = e.getCause() == null ? e : e.getCause();
      throw new IOException("could not read the rest of the file: " + cause.getMessage(), cause);
    }
  }

  @Override
  public void close() {
    if (fetching != null) {
      fetching.cancel(true);
    }
    piece = ByteBuffer.allocate(0);
    fetching = null;
    isBegun = true;
  }
}
