/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.interpreter;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.zcbot.sandbox.client.Command;
import io.zcbot.sandbox.client.CommandNotStartedException;
import io.zcbot.sandbox.client.CommandResult;
import io.zcbot.sandbox.client.OutputPiece;
import io.zcbot.sandbox.client.RunningCommand;
import io.zcbot.sandbox.client.Sandbox;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.OutputStreamName;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.function.UnaryOperator;

/**
 * The code interpreter of a sandbox. Creating an instance is cheap, and nothing is kept between
 * calls. Safe for concurrent use.
 *
 * <p>A request is a JSON object with an {@code operation}: {@code execute} with {@code code} and,
 * if it says so, {@code context_id}, {@code env_vars} and {@code cwd}; {@code create} with {@code
 * cwd}; {@code list}; {@code remove} and {@code restart} with {@code context_id}. The answer is
 * lines of JSON.
 */
public final class Interpreter {
  /** The sandbox image that has it. */
  public static final String IMAGE = "zcbot-sandbox-interpreter";

  /** The last line of each execution's answer. */
  private static final byte[] LAST =
      "{\"type\": \"end_of_execution\"}\n".getBytes(StandardCharsets.UTF_8);

  private static final String DIRECTORY = "/tmp/.zcbot-interpreter";

  /** How the keeper says that modules are missing. */
  private static final int MISSING = 69;

  /** How netcat says that nobody listens. */
  private static final int UNREACHED = 1;

  private static final int LONGEST_STATUS = 64 << 10;

  /** The longest answer to what is no execution. What runs in the sandbox may have written it. */
  private static final int LONGEST_ANSWER = 64 << 10;

  private static final Duration START = Duration.ofSeconds(50);
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String KEEPER = source();

  private final Sandbox sandbox;
  private final UnaryOperator<Command> prepare;

  /**
   * Creates access.
   *
   * @param prepare gives commands an environment. That of the first one is that of all kernels.
   */
  public Interpreter(Sandbox sandbox, UnaryOperator<Command> prepare) {
    this.sandbox = sandbox;
    this.prepare = prepare;
  }

  /** Takes the answer to a request, in the caller's thread. */
  public interface Answer {
    /**
     * The command runs that asks.
     *
     * @param kill ends it, which interrupts what it asked for
     */
    default void asked(Runnable kill) {}

    /** The request is served. */
    default void accepted() {}

    /** Takes a part of the lines of the answer, whatever its bounds. */
    void part(byte[] bytes);
  }

  /**
   * Makes a request, and starts the interpreter if it does not run.
   *
   * @param atMost when it is given up. An execution is interrupted then.
   * @return whether the answer to an execution is complete; if not, the interpreter has ended
   * @throws InterpreterException if the request is not served
   * @throws io.zcbot.sandbox.client.SandboxException as {@link RunningCommand#await} does, for one
   *     if the time is over
   */
  public boolean ask(ObjectNode request, Duration atMost, Answer answer)
      throws InterruptedException {
    byte[] line = (request.toString() + "\n").getBytes(StandardCharsets.UTF_8);
    boolean isExecution = request.path("operation").asText().equals("execute");
    Command command =
        prepare
            .apply(Command.of("nc", "-U", DIRECTORY + "/socket"))
            .stdin(line)
            .onlyInExistingSandbox()
            .withoutKeepingOutput()
            .maxOutput(isExecution ? Command.MAX_OUTPUT : LONGEST_STATUS + LONGEST_ANSWER)
            .startWithin(START)
            .timeout(atMost);
    Reader reader = new Reader(answer, isExecution ? Long.MAX_VALUE : LONGEST_ANSWER);
    if (!isReached(command, reader)) {
      start();
      if (!isReached(command, reader)) {
        throw new InterpreterException(503, "the code interpreter ended as soon as it was started");
      }
    }
    reader.throwIfRefused();
    return reader.isComplete();
  }

  /**
   * Makes a request.
   *
   * @return whether there is a keeper
   */
  private boolean isReached(Command command, Reader reader) throws InterruptedException {
    try (RunningCommand running = sandbox.start(command)) {
      reader.answer.asked(running::close);
      Exited exited = running.forEachPiece(reader::take);
      if (reader.hasStatus() || hasExited(exited, 0)) {
        if (exited.reason() != Exited.Reason.EXITED) {
          var _ = running.await(); // throws, unless a signal ended it
        }
        return true;
      }
      if (isMissing(exited) || hasExited(exited, UNREACHED)) {
        return false;
      }
      var _ = running.await();
      throw new InterpreterException(500, "the code interpreter can't be asked: " + exited);
    }
  }

  private static boolean hasExited(Exited exited, int expected) {
    Integer code = exited.exitCode();
    return exited.reason() == Exited.Reason.EXITED && code != null && code == expected;
  }

  private static boolean isMissing(Exited exited) {
    return exited.reason() == Exited.Reason.FAILED && exited.exitCode() != null;
  }

  /** Starts the keeper, unless it runs. Returns when it listens. */
  private void start() throws InterruptedException {
    CommandResult result;
    try {
      result =
          sandbox.run(
              prepare
                  .apply(Command.of("python3", "-I", "-c", KEEPER, DIRECTORY))
                  .onlyInExistingSandbox()
                  .startWithin(START)
                  .timeout(START));
    } catch (CommandNotStartedException e) {
      if (e.exitCode().isPresent()) {
        throw InterpreterException.missing();
      }
      throw e;
    }
    if (result.exitCode() == MISSING) {
      throw InterpreterException.missing();
    }
    if (!result.isOk()) {
      throw new InterpreterException(
          500, "the code interpreter could not be started: " + result.stderr().strip());
    }
  }

  /** Reads the status, and passes on what follows. */
  static final class Reader {
    private final Answer answer;
    private final long longest;
    private long length;
    private final ByteArrayOutputStream first = new ByteArrayOutputStream();
    private byte[] end = new byte[0];
    private int status;
    private String message = "";

    Reader(Answer answer, long longest) {
      this.answer = answer;
      this.longest = longest;
    }

    boolean hasStatus() {
      return status != 0;
    }

    /** Returns whether the last line is that of an execution. */
    boolean isComplete() {
      return Arrays.equals(end, LAST);
    }

    void throwIfRefused() {
      if (status == 0 || status >= 300) {
        throw new InterpreterException(
            status == 0 ? 503 : status, status == 0 ? "the code interpreter has ended" : message);
      }
    }

    void take(OutputPiece piece) {
      if (piece.stream() != OutputStreamName.STDOUT) {
        return;
      }
      byte[] bytes = piece.bytes();
      if (hasStatus()) {
        pass(bytes);
        return;
      }
      first.writeBytes(bytes);
      byte[] all = first.toByteArray();
      int length = 0;
      while (length < all.length && all[length] != '\n') {
        length++;
      }
      if (length < all.length) {
        readStatus(all, length);
        if (status < 300) {
          answer.accepted();
          pass(Arrays.copyOfRange(all, length + 1, all.length));
        }
      } else if (length > LONGEST_STATUS) {
        throw nonsense();
      }
    }

    private void readStatus(byte[] line, int length) {
      JsonNode read;
      try {
        read = JSON.readTree(line, 0, length);
      } catch (JacksonException e) {
        throw nonsense();
      } catch (IOException e) {
        throw new AssertionError(e); // it is in memory
      }
      status = read.path("status").asInt();
      message = read.path("message").asText();
      if (status < 200 || status > 599) {
        throw nonsense();
      }
    }

    /** What runs in the sandbox may have taken the keeper's place. */
    private static InterpreterException nonsense() {
      return new InterpreterException(500, "what answers in the sandbox is no code interpreter");
    }

    private void pass(byte[] bytes) {
      if (status >= 300 || bytes.length == 0) {
        return;
      }
      length += bytes.length;
      if (length > longest) {
        throw nonsense();
      }
      answer.part(bytes);
      byte[] joined = Arrays.copyOf(end, end.length + bytes.length);
      System.arraycopy(bytes, 0, joined, end.length, bytes.length);
      end = Arrays.copyOfRange(joined, Math.max(0, joined.length - LAST.length), joined.length);
    }
  }

  private static String source() {
    try (InputStream source = Interpreter.class.getResourceAsStream("keeper.py")) {
      if (source == null) {
        throw new AssertionError("the class path has no keeper.py; build the module again");
      }
      return new String(source.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
