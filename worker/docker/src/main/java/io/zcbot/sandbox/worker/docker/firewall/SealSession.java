/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.firewall;

import io.zcbot.sandbox.worker.docker.api.EngineCalls;
import io.zcbot.sandbox.worker.docker.api.EngineErrors;
import io.zcbot.sandbox.worker.docker.api.EngineStream;
import io.zcbot.sandbox.worker.docker.api.InputQueue;
import io.zcbot.sandbox.worker.docker.api.NonsenseException;
import io.zcbot.sandbox.worker.docker.api.Operation;
import io.zcbot.sandbox.worker.docker.api.StandardOutput;
import io.zcbot.sandbox.worker.engine.EngineException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The conversation with a helper that sets seals: one line for each question and one for each
 * answer. A helper that writes without being asked, or too long a line, is cut off. One thread
 * asks; the stream's thread reads the answers.
 */
final class SealSession implements AutoCloseable {
  private static final int MAX_LINE = 1000;
  private static final int MOST_UNREAD = 4;
  private static final int MAX_UNSENT = 1000;

  /** Queued after the last answer, when the helper has ended. */
  private static final String END = "";

  private final InputQueue questions = new InputQueue(MAX_UNSENT);
  private final BlockingQueue<String> answers = new ArrayBlockingQueue<>(MOST_UNREAD + 1);
  private final EngineStream<Boolean> stream;

  /** Attaches to a helper before it is started. */
  SealSession(EngineCalls calls, String containerId) throws EngineException {
    stream =
        EngineStream.open(
            calls,
            Operation.ATTACH,
            requests -> requests.attach(containerId, questions),
            this::read);
  }

  /** Blocks until the next answer; null if there is none in time or the helper has ended. */
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

  /** Sends a question without blocking. If it can't be sent, there will be no answer either. */
  void ask(String question) {
    var _ = questions.offer((question + "\n").getBytes(StandardCharsets.US_ASCII), 0);
  }

  /** Ends the conversation. The helper ends when its standard input does. */
  @Override
  public void close() {
    questions.close();
    stream.close();
  }

  private boolean read(InputStream body) throws IOException {
    try {
      InputStream output = new StandardOutput(body);
      StringBuilder line = new StringBuilder();
      for (int c = output.read(); c >= 0; c = output.read()) {
        if (c != '\n') {
          line.append((char) c);
        } else if (answers.size() < MOST_UNREAD) {
          answers.add(line.isEmpty() ? " " : line.toString());
          line.setLength(0);
        }
        if (line.length() > MAX_LINE || answers.size() >= MOST_UNREAD) {
          throw new NonsenseException("the helper says more than it was asked for");
        }
      }
      return true;
    } finally {
      questions.close();
      answers.add(END);
    }
  }
}
