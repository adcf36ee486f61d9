/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.command;

import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.OutputStreamName;
import io.zcbot.sandbox.worker.docker.api.EngineErrors;
import io.zcbot.sandbox.worker.docker.api.NonsenseException;
import io.zcbot.sandbox.worker.engine.CommandEnd;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Reads the frames that a runner sends: a type (1 byte), the length of the payload (3 bytes), a
 * command's number (4 bytes), the payload. The runner is in the sandbox and may be hostile:
 * anything that is not a valid frame is a {@link NonsenseException}, and no frame takes more memory
 * than {@link #MAX_PAYLOAD}. Used by one thread.
 */
final class FrameReader {
  static final int VERSION = 1;
  static final int NONCE = 16;
  static final int HEADER = 8;
  static final int MAX_PAYLOAD = 64 << 10;

  /** Small, because there is a reader for each sandbox. Longer payloads bypass the buffer. */
  private static final int BUFFER = 4 << 10;

  /**
   * The most that may come before the answer to a reset: output for the previous connection that
   * was still in pipes.
   */
  static final int MAX_LEFTOVERS = 4 << 20;

  /** The beginning of the engine's message that it could not execute a program. */
  private static final String ENGINE = "OCI runtime";

  /** The beginning of the runner's message that it does not serve. */
  private static final String RUNNER = "zcbot-runner: ";

  private static final int MAX_SHOWN = 400;

  private static final int PID = 4;
  private static final int END = 17;
  private static final int MEMORY = 8;
  private static final int MAX_TEXT = 1024;
  private static final int MAX_EXIT_CODE = 255;
  private static final int MAX_SIGNAL = 64;
  private static final int MAX_SURVIVORS = 1 << 22; // the maximum number of processes on Linux

  private final DataInputStream in;

  FrameReader(InputStream stdout) {
    this.in = new DataInputStream(new BufferedInputStream(stdout, BUFFER));
  }

  /**
   * Skips everything up to and including the runner's answer to a reset, which repeats the nonce.
   *
   * @param nonce the random bytes that were sent with the reset
   * @return the runner's greeting, a list of words
   */
  String hello(byte[] nonce) throws IOException {
    byte[] window = new byte[HEADER + NONCE];
    ByteArrayOutputStream begin = new ByteArrayOutputStream();
    for (int read = 0; !isHello(window, nonce); read++) {
      if (read == MAX_LEFTOVERS + window.length) {
        throw new NonsenseException("it says much, but does not answer");
      }
      System.arraycopy(window, 1, window, 0, window.length - 1);
      int next = in.read();
      if (next < 0) {
        throw ended(begin.toString(StandardCharsets.UTF_8));
      }
      window[window.length - 1] = (byte) next;
      if (begin.size() < MAX_SHOWN) {
        begin.write(next);
      }
    }
    int left = length(window) - NONCE - 1;
    int version = in.readUnsignedByte();
    if (version != VERSION) {
      throw new NonsenseException("it speaks version " + version + ", not " + VERSION);
    }
    return text(left);
  }

  /**
   * The exception for an output that ended before the answer. Shows what was read only if it is the
   * engine's or the runner's message, because it may otherwise be output of users' commands.
   */
  private static EOFException ended(String said) {
    if (said.startsWith(ENGINE)) {
      return new EOFException("the engine says: " + EngineErrors.clean(said));
    }
    return said.startsWith(RUNNER)
        ? new EOFException("the runner says: " + EngineErrors.clean(said))
        : new EOFException();
  }

  private static boolean isHello(byte[] window, byte[] nonce) {
    return window[0] == 'H'
        && Arrays.equals(window, HEADER, window.length, nonce, 0, NONCE)
        && ByteBuffer.wrap(window).getInt(4) == 0
        && length(window) > NONCE
        && length(window) <= MAX_PAYLOAD;
  }

  private static int length(byte[] header) {
    return ByteBuffer.wrap(header).getInt() & 0xff_ffff;
  }

  /**
   * Blocks until the next frame has come.
   *
   * @throws EOFException if the output has ended
   */
  RunnerFrame next() throws IOException {
    int type = in.readByte();
    int length = in.readUnsignedByte() << 16 | in.readUnsignedShort();
    int command = in.readInt();
    return switch (type) {
      case 'P' -> {
        require(type, length, 0, PID);
        if (length != 0 && length != PID) {
          throw new NonsenseException("a start of " + length + " bytes");
        }
        yield new RunnerFrame.Started(
            command, length == 0 ? 0 : within(in.readInt(), 0, Integer.MAX_VALUE));
      }
      case 'O' -> output(type, length, command, OutputStreamName.STDOUT);
      case 'E' -> output(type, length, command, OutputStreamName.STDERR);
      case 'C' -> {
        require(type, length, 4, 4);
        yield new RunnerFrame.InputWanted(command, in.readInt());
      }
      case 'X' -> {
        require(type, length, END, END + MEMORY);
        if (length != END && length != END + MEMORY) {
          throw new NonsenseException("an end of " + length + " bytes");
        }
        yield new RunnerFrame.Ended(command, ended(length > END));
      }
      case 'F' -> {
        require(type, length, 4, MAX_PAYLOAD);
        yield new RunnerFrame.NotStarted(command, in.readInt(), text(length - 4));
      }
      default -> throw new NonsenseException("a frame of the unknown type " + type);
    };
  }

  /**
   * Reads an output frame. An empty one is refused: it would use up nothing of the command's
   * window, so a hostile runner could send it for ever.
   */
  private RunnerFrame output(int type, int length, int command, OutputStreamName stream)
      throws IOException {
    require(type, length, 1, MAX_PAYLOAD);
    byte[] bytes = new byte[length];
    in.readFully(bytes);
    return new RunnerFrame.Output(command, stream, Data.of(bytes));
  }

  /**
   * Reads the end of a command.
   *
   * @param tellsMemory whether it says that memory was used up, as runners do that know the flag of
   *     the start message
   */
  private CommandEnd ended(boolean tellsMemory) throws IOException {
    int how = in.readUnsignedByte();
    int code = in.readInt();
    int survivors = in.readInt();
    long micros = in.readLong();
    if (micros < 0) {
      throw new NonsenseException("a processor time of " + micros);
    }
    Duration cpu = Duration.of(micros, ChronoUnit.MICROS);
    CommandEnd.OutOfMemory memory = tellsMemory ? outOfMemory(in.readLong()) : null;
    return switch (how) {
      case 0 -> new CommandEnd.Exited(within(code, 0, MAX_EXIT_CODE), cpu, memory);
      case 1 -> new CommandEnd.Signalled(within(code, 1, MAX_SIGNAL), cpu, memory);
      case 2, 3 ->
          new CommandEnd.Killed(how == 2, within(survivors, 0, MAX_SURVIVORS), cpu, memory);
      default -> throw new NonsenseException("an unknown kind of end, " + how);
    };
  }

  private static CommandEnd.@Nullable OutOfMemory outOfMemory(long limit) throws NonsenseException {
    if (limit < 0) {
      throw new NonsenseException("a limit of memory of " + limit);
    }
    return limit == 0 ? null : new CommandEnd.OutOfMemory(limit == Long.MAX_VALUE ? null : limit);
  }

  private static int within(int value, int least, int most) throws NonsenseException {
    if (value < least || value > most) {
      throw new NonsenseException("a start or an end with the number " + value);
    }
    return value;
  }

  private static void require(int type, int length, int least, int most) throws NonsenseException {
    if (length < least || length > most) {
      throw new NonsenseException("a frame of type " + (char) type + " with " + length + " bytes");
    }
  }

  private String text(int length) throws IOException {
    byte[] bytes = new byte[Math.min(length, MAX_TEXT)];
    in.readFully(bytes);
    in.skipNBytes(length - bytes.length);
    return EngineErrors.clean(new String(bytes, StandardCharsets.UTF_8));
  }
}
