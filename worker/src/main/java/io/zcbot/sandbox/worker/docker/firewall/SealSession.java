/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.firewall;

import io.zcbot.sandbox.worker.docker.api.EngineCalls;
import io.zcbot.sandbox.worker.docker.api.EngineErrors;
import io.zcbot.sandbox.worker.docker.api.EngineStream;
import io.zcbot.sandbox.worker.docker.api.Operation;
import io.zcbot.sandbox.worker.engine.EngineException;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What is said to a helper that sets seals, and what it answers: one line for each. */
final class SealSession implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(SealSession.class);
  private static final int MAX_LINE = 1000;

  /** Where the helper has ended. */
  private static final String END = "";

  private final Questions questions = new Questions();
  private final BlockingQueue<String> answers = new LinkedBlockingQueue<>();
  private final EngineStream<Boolean> stream;

  /** Attaches to a helper that is not started yet. */
  SealSession(EngineCalls calls, String containerId) throws EngineException {
    stream =
        EngineStream.open(
            calls,
            Operation.ATTACH,
            requests -> requests.attach(containerId, questions),
            this::read);
  }

  /** Without an end of its own: it waits for the next answer, null if there is none any more. */
  @Nullable String answer(Duration patience) throws EngineException {
    try {
      String answer = answers.poll(patience.toNanos(), TimeUnit.NANOSECONDS);
      return answer == null || answer.equals(END) ? null : answer;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw EngineErrors.unanswered(
          Operation.FIREWALL, "interrupted while waiting for the seal", e);
    }
  }

  void ask(String question) {
    questions.lines.add((question + "\n").getBytes(StandardCharsets.US_ASCII));
  }

  /** The helper ends with its input. */
  @Override
  public void close() {
    questions.close();
    stream.close();
  }

  private boolean read(InputStream body) throws IOException {
    try {
      StringBuilder line = new StringBuilder();
      for (byte[] header = body.readNBytes(8);
          header.length == 8;
          header = body.readNBytes(header.length)) {
        int length = ByteBuffer.wrap(header).getInt(4);
        for (int i = 0; i < length; i++) {
          int c = body.read();
          if (c < 0) {
            throw new EOFException("attach stream ended within a frame");
          }
          if (c == '\n' && header[0] == 1) {
            answers.add(line.isEmpty() ? " " : line.toString());
            line.setLength(0);
          } else if (header[0] == 1 && line.length() < MAX_LINE) {
            line.append((char) c);
          }
        }
      }
      return true;
    } finally {
      answers.add(END);
    }
  }

  /** The helper's standard input, read by a thread of the transport's own. */
  private static final class Questions extends InputStream {
    private static final byte[] NO_MORE = {};
    private final BlockingQueue<byte[]> lines = new LinkedBlockingQueue<>();
    private byte[] line = {};
    private int read;

    @Override
    public int read() {
      byte[] one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : one[0];
    }

    @Override
    public int read(byte[] into, int offset, int length) {
      // the transport lets it die of a broken connection, of which the answers tell
      Thread.currentThread()
          .setUncaughtExceptionHandler((_, e) -> log.debug("sending to the helper ended", e));
      if (read == line.length) {
        try {
          line = lines.take();
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
          return -1; // nobody interrupts the transport's thread but to end it
        }
        read = 0;
        if (line.length == 0) {
          lines.add(NO_MORE);
          return -1;
        }
      }
      int part = Math.min(length, line.length - read);
      System.arraycopy(line, read, into, offset, part);
      read += part;
      return part;
    }

    @Override
    public void close() {
      lines.add(NO_MORE);
    }
  }
}
