/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway;

import io.helidon.http.HttpException;
import io.helidon.http.RequestException;
import io.zcbot.sandbox.gateway.TimedOutput.ClientGoneException;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;

/**
 * The body of a request, whose reads end when the client sends nothing for a while: until the body
 * is read, the request holds what others need. Only for virtual threads, as {@link TimedWait}.
 *
 * <p>A client that has gone is a {@link ClientGoneException}. Others are of who decodes the body.
 */
final class TimedInput extends InputStream {
  private final InputStream in;
  private final Duration patience;

  TimedInput(InputStream in, Duration patience) {
    this.in = in;
    this.patience = patience;
  }

  private interface Action {
    int run() throws IOException;
  }

  private int timed(Action action) throws IOException {
    TimedWait wait = new TimedWait(patience);
    IOException failure = null;
    int result = -1;
    try {
      result = action.run();
    } catch (IOException e) {
      failure = e;
    } catch (RequestException | HttpException e) { // what was sent is not HTTP
      throw e;
    } catch (RuntimeException e) { // the server reports a lost connection so
      failure = new ClientGoneException("the client is gone", e);
    } finally {
      if (wait.done()) {
        failure =
            new ClientGoneException(
                "the client sent nothing for " + patience.toSeconds() + " s", failure);
      }
    }
    if (failure != null) {
      throw failure;
    }
    return result;
  }

  @Override
  public int read() throws IOException {
    return timed(in::read);
  }

  @Override
  public int read(byte[] bytes, int offset, int length) throws IOException {
    return timed(() -> in.read(bytes, offset, length));
  }

  @Override
  public void close() throws IOException {
    int _ =
        timed(
            () -> {
              in.close(); // the server reads on
              return 0;
            });
  }
}
