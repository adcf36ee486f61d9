/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import io.zcbot.sandbox.events.CommandSignal;
import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.Input;
import io.zcbot.sandbox.events.UserId;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.time.Duration;
import java.util.UUID;
import java.util.function.BooleanSupplier;

/**
 * The standard input of a running command. A piece is published only after the log has the previous
 * one, so that at most one is in memory. After a piece that failed, nothing more is published: the
 * log may have that piece or get it later, so the command would read it twice, or an end after an
 * input with a gap. For one thread at a time.
 */
final class CommandInput extends OutputStream {
  /** Records of this size stay below their limit, even in base64. */
  static final int MAX_BYTES = 256 * 1024;

  private static final Duration PUBLISH = Duration.ofSeconds(60);

  private final Publisher publisher;
  private final UserId user;
  private final String execId;
  private final BooleanSupplier isOver;
  private final Deadline deadline;

  /** What was written and not published. It takes memory only once there is something. */
  private final ByteArrayOutputStream piece = new ByteArrayOutputStream(0);

  private boolean isClosed;
  private boolean isBroken;

  CommandInput(
      Publisher publisher, UserId user, String execId, BooleanSupplier isOver, Deadline deadline) {
    this.publisher = publisher;
    this.user = user;
    this.execId = execId;
    this.isOver = isOver;
    this.deadline = deadline;
  }

  static Input event(UserId user, String execId, Input.Content content) {
    return new Input(UUID.randomUUID().toString(), user, Connection.now(), execId, content);
  }

  /**
   * Asks for the command to be killed, without waiting. If that fails, the command ends at its
   * time-out.
   */
  static void kill(Publisher publisher, UserId user, String execId) {
    publisher.tryInBackground(event(user, execId, new Input.Content.Signal(CommandSignal.KILL)));
  }

  @Override
  public void write(int value) throws IOException {
    write(new byte[] {(byte) value}, 0, 1);
  }

  @Override
  public void write(byte[] from, int at, int length) throws IOException {
    requireWhole();
    int taken = 0;
    while (taken < length) {
      int count = Math.min(length - taken, MAX_BYTES - piece.size());
      piece.write(from, at + taken, count);
      taken += count;
      if (piece.size() == MAX_BYTES) {
        flush();
      }
    }
  }

  /** Publishes what was written so far. */
  @Override
  public void flush() throws IOException {
    requireWhole();
    if (piece.size() > 0) {
      Data bytes = Data.of(piece.toByteArray());
      piece.reset();
      publish(new Input.Content.Bytes(bytes));
    }
  }

  /**
   * Ends the command's standard input, unless a piece of it failed; whoever wrote that piece was
   * told. A terminal gets Ctrl-D.
   */
  @Override
  public void close() throws IOException {
    if (!isClosed && !isBroken) {
      flush();
      isClosed = true;
      publish(new Input.Content.End());
    }
  }

  /** Sends a stream as it is read, and then ends standard input. */
  void pipe(InputStream from) throws IOException {
    byte[] buffer = new byte[MAX_BYTES];
    for (int count = from.read(buffer); count >= 0; count = from.read(buffer)) {
      write(buffer, 0, count);
      flush();
    }
    close();
  }

  private void requireWhole() throws IOException {
    if (isBroken) {
      throw new IOException(
          "the command's standard input may be incomplete, because an earlier piece of it could not"
              + " be published; close the command");
    }
  }

  private void publish(Input.Content content) throws IOException {
    if (isClosed && !(content instanceof Input.Content.End)) {
      throw new IOException("the command's standard input was ended");
    }
    isBroken = true; // until the log has it, or nobody will read it
    try {
      boolean isStored =
          publisher.publish(event(user, execId, content), deadline.atMost(PUBLISH), isOver);
      isBroken = false;
      if (!isStored && !(content instanceof Input.Content.End)) {
        throw new IOException("the command has ended, or was closed");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted");
    } catch (SandboxException e) {
      throw new IOException(e.getMessage(), e);
    }
  }
}
