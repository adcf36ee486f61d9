/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway;

import io.helidon.webserver.CloseConnectionException;
import io.helidon.webserver.http.ServerResponse;
import java.io.IOException;
import java.io.OutputStream;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * The body of an answer, whose writes end when the client takes nothing for a while: who waits
 * behind a write may hold what others need. Only for virtual threads, as {@link TimedWait}.
 *
 * <p>All failures are {@link ClientGoneException}s: nothing else is behind the stream.
 */
public final class TimedOutput extends OutputStream {
  /** What is written at once: a client may be slow, as long as it takes something. */
  private static final int PIECE = 64 << 10;

  private final OutputStream out;
  private final Duration patience;

  /** Creates a body that writes to the server's. */
  public TimedOutput(OutputStream out) {
    this(out, TimedWait.PATIENCE);
  }

  TimedOutput(OutputStream out, Duration patience) {
    this.out = out;
    this.patience = patience;
  }

  /**
   * Sends a whole body, and ends the connection if its client is gone or takes nothing. The
   * response has its status and its other headers.
   */
  public static void send(ServerResponse response, byte[] body) {
    send(response, body, TimedWait.PATIENCE);
  }

  static void send(ServerResponse response, byte[] body, Duration patience) {
    try {
      if (body.length <= PIECE) { // with its head
        timed(patience, () -> response.send(body));
        return;
      }
      response.header("Content-Length", Integer.toString(body.length));
      try (OutputStream out = new TimedOutput(response.outputStream(), patience)) {
        out.write(body);
      }
    } catch (IOException e) {
      throw new CloseConnectionException("an answer was not taken", e);
    }
  }

  /** The client has closed the connection, or took nothing for too long. */
  public static final class ClientGoneException extends IOException {
    private static final long serialVersionUID = 1;

    ClientGoneException(String message, @Nullable Throwable cause) {
      super(message, cause);
    }
  }

  private interface Action {
    void run() throws IOException;
  }

  private static void timed(Duration patience, Action action) throws ClientGoneException {
    TimedWait wait = new TimedWait(patience);
    Exception failure = null;
    try {
      action.run();
    } catch (IOException | RuntimeException e) { // the server reports a lost connection as either
      failure = e;
    }
    if (wait.done()) {
      throw new ClientGoneException(
          "the client took nothing for " + patience.toSeconds() + " s", failure);
    }
    if (failure != null) {
      throw new ClientGoneException("the client is gone", failure);
    }
  }

  @Override
  public void write(int b) throws ClientGoneException {
    timed(patience, () -> out.write(b));
  }

  @Override
  public void write(byte[] bytes, int offset, int length) throws ClientGoneException {
    for (int done = 0; done < length; done += PIECE) {
      int from = offset + done;
      int count = Math.min(PIECE, length - done);
      timed(patience, () -> out.write(bytes, from, count));
    }
  }

  @Override
  public void flush() throws ClientGoneException {
    timed(patience, out::flush);
  }

  @Override
  public void close() throws ClientGoneException {
    timed(patience, out::close);
  }
}
