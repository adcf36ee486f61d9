/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.files;

import io.zcbot.sandbox.client.OutputPiece;
import io.zcbot.sandbox.events.OutputStreamName;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.function.Consumer;

/** Reads events of a watch from output that comes in pieces of any length. For one thread. */
final class WatchOutput {
  /** The longest event: paths and all metadata of a file, with room to spare. */
  private static final int LONGEST = 256 << 10;

  private static final int LONGEST_MESSAGE = 8 << 10;

  private final String directory;
  private final Runnable onStart;
  private final Consumer<FileEvent> consumer;
  private final ByteArrayOutputStream message = new ByteArrayOutputStream();
  private byte[] unread = {};
  private boolean isStarted;

  /**
   * @param directory what is watched
   * @param onStart called when the watch is set
   */
  WatchOutput(String directory, Runnable onStart, Consumer<FileEvent> consumer) {
    this.directory = directory;
    this.onStart = onStart;
    this.consumer = consumer;
  }

  /** Takes the next piece, and passes the events on that are complete with it. */
  void take(OutputPiece piece) {
    byte[] bytes = piece.bytes();
    if (piece.stream() == OutputStreamName.STDERR) {
      message.write(bytes, 0, Math.min(bytes.length, LONGEST_MESSAGE - message.size()));
      return;
    }
    byte[] all = new byte[unread.length + bytes.length];
    System.arraycopy(unread, 0, all, 0, unread.length);
    System.arraycopy(bytes, 0, all, unread.length, bytes.length);
    ByteArrayInputStream from = new ByteArrayInputStream(all);
    int read = 0;
    while (from.available() > 0 && pass(new Fields(from))) {
      read = all.length - from.available();
    }
    unread = Arrays.copyOfRange(all, read, all.length);
    if (unread.length > LONGEST) {
      throw SandboxFileSystemException.nonsense();
    }
  }

  /** Passes the next event on. Returns whether there is one. */
  private boolean pass(Fields fields) {
    try {
      if (isStarted) {
        FileEvent event = fields.event(directory);
        if (event != null) {
          consumer.accept(event);
        }
      } else if (fields.text().equals("start")) {
        isStarted = true;
        onStart.run();
      } else {
        throw SandboxFileSystemException.nonsense();
      }
      return true;
    } catch (EOFException e) {
      return false; // the rest comes with the next piece
    } catch (IOException e) {
      throw new UncheckedIOException(e); // reading from memory does not fail
    }
  }

  /** Returns what was written to standard error. */
  String message() {
    return message.toString(StandardCharsets.UTF_8);
  }
}
