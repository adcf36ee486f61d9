/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.runner;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/** Communicates with a runner over the standard streams of a process, with the exact protocol. */
final class RunnerLink implements AutoCloseable {
  static final int MAX_PAYLOAD = 16 << 10;
  static final int HEADER = 8;

  private static final int NONCE = 16;
  private static final int TELL_MEMORY = 2;
  private static final int TELL_PID = 4;
  private static final int PATIENCE_SECONDS = 90;

  /** The start message of a command. */
  record Start(
      Duration timeout,
      boolean terminal,
      int credit,
      String directory,
      List<String> arguments,
      List<String> environment,
      boolean wantsPid) {
    static Start of(String... arguments) {
      return new Start(
          Duration.ofSeconds(60), false, 64 << 20, "", List.of(arguments), List.of(), false);
    }

    static Start bash(String script) {
      return of("bash", "-c", script);
    }

    Start timeout(Duration other) {
      return new Start(other, terminal, credit, directory, arguments, environment, wantsPid);
    }

    Start inTerminal() {
      return new Start(timeout, true, credit, directory, arguments, environment, wantsPid);
    }

    Start credit(int other) {
      return new Start(timeout, terminal, other, directory, arguments, environment, wantsPid);
    }

    Start directory(String other) {
      return new Start(timeout, terminal, credit, other, arguments, environment, wantsPid);
    }

    Start environment(String... entries) {
      return new Start(timeout, terminal, credit, directory, arguments, List.of(entries), wantsPid);
    }

    /** Asks for the program's process id. */
    Start pid() {
      return new Start(timeout, terminal, credit, directory, arguments, environment, true);
    }

    byte[] message() {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      try (DataOutputStream message = new DataOutputStream(bytes)) {
        message.writeInt((int) timeout.toMillis());
        message.writeByte(TELL_MEMORY | (terminal ? 1 : 0) | (wantsPid ? TELL_PID : 0));
        message.writeShort(100);
        message.writeShort(30);
        message.writeInt(credit);
        message.writeInt(arguments.size());
        message.writeInt(environment.size());
        message.write((directory + "\0").getBytes(StandardCharsets.UTF_8));
        for (List<String> list : List.of(arguments, environment)) {
          for (String each : list) {
            message.write((each + "\0").getBytes(StandardCharsets.UTF_8));
          }
        }
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      return bytes.toByteArray();
    }
  }

  private final Process process;
  private final OutputStream toRunner;
  private final AtomicInteger lastNumber = new AtomicInteger();
  private final Map<Integer, RunnerCommandView> commands = new ConcurrentHashMap<>();
  private final ReentrantLock reading = new ReentrantLock();
  private final Object hello = new Object();
  private byte[] answered = {};
  private String text = "";
  private @Nullable String broken;

  /** Attaches to a runner, which includes a reset. */
  RunnerLink(Process process) throws InterruptedException {
    this.process = process;
    this.toRunner = process.getOutputStream();
    byte[] nonce = nonce();
    sendRaw(opening(nonce));
    Thread.ofVirtual().start(() -> read(nonce));
    awaitHello(nonce);
  }

  private static byte[] nonce() {
    byte[] nonce = new byte[NONCE];
    new SecureRandom().nextBytes(nonce);
    return nonce;
  }

  private static byte[] opening(byte[] nonce) {
    byte[] reset = frame('R', 0, nonce);
    byte[] opening = new byte[MAX_PAYLOAD + HEADER + reset.length];
    System.arraycopy(reset, 0, opening, opening.length - reset.length, reset.length);
    return opening;
  }

  private void awaitHello(byte[] nonce) throws InterruptedException {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
    synchronized (hello) {
      while (!Arrays.equals(answered, nonce)) {
        long left = (deadline - System.nanoTime()) / 1_000_000;
        if (left <= 0 || broken != null) {
          throw new AssertionError("the runner did not answer a reset: " + broken);
        }
        hello.wait(left);
      }
    }
  }

  private void onHello(byte[] payload) {
    synchronized (hello) {
      answered = Arrays.copyOf(payload, NONCE);
      text = new String(payload, NONCE + 1, payload.length - NONCE - 1, StandardCharsets.US_ASCII);
      hello.notifyAll();
    }
  }

  private void read(byte[] nonce) {
    ByteArrayOutputStream before = new ByteArrayOutputStream(); // what no runner says
    try (DataInputStream in =
        new DataInputStream(new BufferedInputStream(process.getInputStream(), 1 << 17))) {
      byte[] window = new byte[HEADER + NONCE];
      while (window[0] != 'H' || !Arrays.equals(window, HEADER, window.length, nonce, 0, NONCE)) {
        System.arraycopy(window, 1, window, 0, window.length - 1);
        window[window.length - 1] = in.readByte();
        before.write(window[window.length - 1]);
      }
      before.reset();
      byte[] rest = new byte[(ByteBuffer.wrap(window).getInt() & 0xffffff) - NONCE];
      in.readFully(rest);
      onHello(ByteBuffer.allocate(NONCE + rest.length).put(nonce).put(rest).array());
      while (true) {
        int head = in.readInt();
        int number = in.readInt();
        byte[] payload = new byte[head & 0xffffff];
        in.readFully(payload);
        reading.lock();
        try {
          dispatch((char) (head >>> 24), number, payload);
        } finally {
          reading.unlock();
        }
      }
    } catch (EOFException e) {
      end("the runner's output ended: " + before.toString(StandardCharsets.UTF_8) + reason());
    } catch (IOException | RuntimeException e) {
      end(String.valueOf(e));
    }
  }

  /**
   * The error message of the engine's client, which is a line or nothing; the engine's answer is
   * output.
   */
  private String reason() {
    try {
      return new String(process.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      return ""; // the link was closed
    }
  }

  private void dispatch(char type, int number, byte[] payload) throws IOException {
    RunnerCommandView command = commands.get(number);
    if (type == 'H' && number == 0) {
      onHello(payload);
    } else if (command == null || payload.length > 1 << 16) {
      throw new IOException(
          "a frame %c of %d bytes for %d".formatted(type, payload.length, number));
    } else {
      command.on(type, payload);
    }
  }

  private void end(String why) {
    synchronized (hello) {
      broken = why;
      hello.notifyAll();
    }
    commands.values().forEach(command -> command.lost(why));
  }

  /** The text of the runner's greeting. */
  String text() {
    synchronized (hello) {
      return text;
    }
  }

  /** Reads nothing more until {@link #resume}. */
  void pause() {
    reading.lock();
  }

  void resume() {
    reading.unlock();
  }

  /** Resets the runner once more. */
  void reset() throws InterruptedException {
    byte[] nonce = nonce();
    reset(nonce, opening(nonce));
  }

  /** The same, where the runner has read the zeros already. */
  void resetWithoutZeros() throws InterruptedException {
    byte[] nonce = nonce();
    reset(nonce, frame('R', 0, nonce));
  }

  private void reset(byte[] nonce, byte[] bytes) throws InterruptedException {
    sendRaw(bytes);
    awaitHello(nonce);
    commands.values().forEach(command -> command.lost("the runner was reset"));
    commands.clear();
  }

  /** Starts a command the given number of times and resets the runner at once. */
  void startAndReset(Start start, int times) throws InterruptedException {
    byte[] nonce = nonce();
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    for (int i = 0; i < times; i++) {
      int number = lastNumber.incrementAndGet();
      commands.put(number, new RunnerCommandView(this, number));
      all.writeBytes(frame('S', number, start.message()));
      all.writeBytes(frame('G', number));
    }
    all.writeBytes(opening(nonce));
    sendRaw(all.toByteArray());
    awaitHello(nonce);
    commands.clear();
  }

  RunnerCommandView start(Start start) {
    return start(start.message());
  }

  RunnerCommandView start(byte[] message) {
    int number = lastNumber.incrementAndGet();
    RunnerCommandView command = new RunnerCommandView(this, number);
    commands.put(number, command);
    for (int at = 0; at < message.length; at += MAX_PAYLOAD) {
      send(
          'S', number, Arrays.copyOfRange(message, at, Math.min(message.length, at + MAX_PAYLOAD)));
    }
    send('G', number);
    return command;
  }

  /** Starts a command and signals it, all in one piece. */
  RunnerCommandView startAndSignal(Start start, int... signals) {
    int number = lastNumber.incrementAndGet();
    RunnerCommandView command = new RunnerCommandView(this, number);
    commands.put(number, command);
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    all.writeBytes(frame('S', number, start.message()));
    all.writeBytes(frame('G', number));
    for (int signal : signals) {
      all.writeBytes(frame('K', number, (byte) signal));
    }
    sendRaw(all.toByteArray());
    return command;
  }

  /** Runs a script to its end and returns its output. */
  String look(String script) throws InterruptedException {
    RunnerCommandView command = start(Start.bash(script));
    command.end();
    return command.out().strip();
  }

  void send(char type, int number, byte... payload) {
    sendRaw(frame(type, number, payload));
  }

  static byte[] frame(char type, int number, byte... payload) {
    return ByteBuffer.allocate(HEADER + payload.length)
        .putInt(type << 24 | payload.length)
        .putInt(number)
        .put(payload)
        .array();
  }

  synchronized void sendRaw(byte[] bytes) {
    try {
      toRunner.write(bytes);
      toRunner.flush();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Ends the runner's input, if the runner is the process. */
  void endRunnersInput() throws IOException {
    toRunner.close();
  }

  int awaitExit() throws InterruptedException {
    if (!process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
      throw new AssertionError("the process did not end");
    }
    return process.exitValue();
  }

  @Override
  public void close() {
    process.destroyForcibly();
  }
}
