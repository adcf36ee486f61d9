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

/**
 * Reads what a runner says, in frames: a type (1 byte), the length of the payload (3 bytes), a
 * command's number (4 bytes), the payload. Whatever is no frame is a {@link NonsenseException}, and
 * none takes more memory than {@link #MAX_PAYLOAD}. For one thread.
 */
final class FrameReader {
  static final int VERSION = 1;
  static final int NONCE = 16;
  static final int HEADER = 8;
  static final int MAX_PAYLOAD = 64 << 10;

  /** There is one for each sandbox. What is longer is read past it. */
  private static final int BUFFER = 4 << 10;

  /** What a runner may still have to say to whoever was attached before: what pipes hold. */
  static final int MAX_LEFTOVERS = 4 << 20;

  /** A runner that takes another's place may end that one's frame with zeros. */
  static final int MAX_ZEROS = MAX_PAYLOAD + HEADER;

  /** With this it begins to say that it could not execute a program. */
  private static final String ENGINE = "OCI runtime";

  private static final int MAX_SHOWN = 400;

  private static final int MAX_TEXT = 1024;
  private static final int MAX_EXIT_CODE = 255;
  private static final int MAX_SIGNAL = 64;
  private static final int MAX_SURVIVORS = 1 << 22; // the most processes that Linux can have

  private final DataInputStream in;

  FrameReader(InputStream stdout) {
    this.in = new DataInputStream(new BufferedInputStream(stdout, BUFFER));
  }

  /**
   * Skips everything up to the answer to a reset.
   *
   * @param nonce of the reset
   * @return what the runner says of itself
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

  /** An engine that can't start a runner says so in its place. What commands wrote is not shown. */
  private static EOFException ended(String said) {
    return said.startsWith(ENGINE)
        ? new EOFException("the engine says: " + EngineErrors.clean(said))
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

  /** Waits for the next frame; an {@link EOFException} says that there is none. */
  RunnerFrame next() throws IOException {
    int type = in.readByte();
    for (int zeros = 1; type == 0; zeros++) {
      if (zeros > MAX_ZEROS) {
        throw new NonsenseException("it says nothing but zeros");
      }
      type = in.readByte();
    }
    int length = in.readUnsignedByte() << 16 | in.readUnsignedShort();
    int command = in.readInt();
    return switch (type) {
      case 'P' -> {
        require(type, length, 0, 0);
        yield new RunnerFrame.Started(command);
      }
      case 'O' -> output(type, length, command, OutputStreamName.STDOUT);
      case 'E' -> output(type, length, command, OutputStreamName.STDERR);
      case 'C' -> {
        require(type, length, 4, 4);
        yield new RunnerFrame.InputWanted(command, in.readInt());
      }
      case 'X' -> {
        require(type, length, 17, 17);
        yield new RunnerFrame.Ended(command, ended());
      }
      case 'F' -> {
        require(type, length, 4, MAX_PAYLOAD);
        yield new RunnerFrame.NotStarted(command, in.readInt(), text(length - 4));
      }
      default -> throw new NonsenseException("a frame of the unknown type " + type);
    };
  }

  /** One without a byte would cost its command nothing. */
  private RunnerFrame output(int type, int length, int command, OutputStreamName stream)
      throws IOException {
    require(type, length, 1, MAX_PAYLOAD);
    byte[] bytes = new byte[length];
    in.readFully(bytes);
    return new RunnerFrame.Output(command, stream, Data.of(bytes));
  }

  private CommandEnd ended() throws IOException {
    int how = in.readUnsignedByte();
    int code = in.readInt();
    int survivors = in.readInt();
    long micros = in.readLong();
    if (micros < 0) {
      throw new NonsenseException("a processor time of " + micros);
    }
    Duration cpu = Duration.of(micros, ChronoUnit.MICROS);
    return switch (how) {
      case 0 -> new CommandEnd.Exited(within(code, 0, MAX_EXIT_CODE), cpu);
      case 1 -> new CommandEnd.Signalled(within(code, 1, MAX_SIGNAL), cpu);
      case 2, 3 -> new CommandEnd.Killed(how == 2, within(survivors, 0, MAX_SURVIVORS), cpu);
      default -> throw new NonsenseException("an unknown kind of end, " + how);
    };
  }

  private static int within(int value, int least, int most) throws NonsenseException {
    if (value < least || value > most) {
      throw new NonsenseException("an end with the number " + value);
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
