/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.ports;

import io.zcbot.sandbox.client.Command;
import io.zcbot.sandbox.client.CommandNotStartedException;
import io.zcbot.sandbox.client.OutputPiece;
import io.zcbot.sandbox.client.RunningCommand;
import io.zcbot.sandbox.client.Sandbox;
import io.zcbot.sandbox.client.SandboxException;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.OutputStreamName;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A connector that runs in a sandbox: a command whose standard streams carry frames. */
final class Connector {
  private static final Logger log = LoggerFactory.getLogger(Connector.class);
  private static final String SOURCE = source();

  /** How long it may take to start. */
  static final Duration START = Duration.ofSeconds(20);

  /** How often the connector hears that the gateway is there. */
  private static final Duration PING = Duration.ofSeconds(15);

  /** How long its predecessor may take to move its connections. */
  private static final Duration MOVING = Duration.ofSeconds(60);

  private static final int MOST_AT_ONCE = 256 * 1024;

  /** Told what comes from a connector, by one thread. */
  interface Owner {
    /**
     * A frame of a connection has come.
     *
     * @throws IllegalArgumentException if the sandbox may not send it
     */
    void frame(Connector from, int kind, int connection, int value, byte[] data);

    /** Called now and then while the connector runs. */
    void passing(Connector connector);

    /** The connector has ended. */
    void over(Connector connector, PortException why);
  }

  private final Owner owner;
  private final RunningCommand command;
  private final int generation;
  private final @Nullable Connector predecessor;
  private final LinkedBlockingQueue<byte[]> waiting = new LinkedBlockingQueue<>();
  private final Frames.Reader frames = new Frames.Reader();
  private final CountDownLatch hello = new CountDownLatch(1);
  private final CountDownLatch over = new CountDownLatch(1);
  private final AtomicBoolean hasMoved = new AtomicBoolean();
  private final long startedAt = System.nanoTime();
  private long received; // used by the thread that reads

  private Connector(
      Owner owner, RunningCommand command, int generation, @Nullable Connector predecessor) {
    this.owner = owner;
    this.command = command;
    this.generation = generation;
    this.predecessor = predecessor;
  }

  /**
   * Starts a connector. Frames can be sent at once.
   *
   * @param name is the same for those that move connections to each other
   * @param generation how many were before it
   * @param predecessor whose connections it takes; null for the first
   */
  static Connector start(
      Sandbox sandbox,
      Owner owner,
      String name,
      int generation,
      @Nullable Connector predecessor,
      Duration longest)
      throws PortException, InterruptedException {
    RunningCommand command;
    try {
      command =
          sandbox.start(
              Command.of(
                      "python3",
                      "-I",
                      "-S",
                      "-c",
                      SOURCE,
                      name,
                      Integer.toString(generation),
                      predecessor == null ? "0" : "1")
                  .onlyInExistingSandbox()
                  .withoutKeepingOutput()
                  .maxOutput(Command.MAX_OUTPUT)
                  .startWithin(START)
                  .timeout(longest)
                  .openStdin());
    } catch (SandboxException e) {
      throw failure(e);
    }
    Connector connector = new Connector(owner, command, generation, predecessor);
    Thread.ofVirtual().name("ports-in").start(connector::read);
    Thread.ofVirtual().name("ports-out").start(connector::write);
    return connector;
  }

  private static String source() {
    try (InputStream source = Connector.class.getResourceAsStream("connector.py")) {
      if (source == null) {
        throw new AssertionError("the class path has no connector.py; build the module again");
      }
      return new String(source.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  int generation() {
    return generation;
  }

  /** Sends a frame, without waiting. */
  void send(byte[] frame) {
    waiting.add(frame);
  }

  /** Waits until the connector runs. */
  boolean awaitHello(Duration atMost) throws InterruptedException {
    return hello.await(atMost.toNanos(), TimeUnit.NANOSECONDS);
  }

  /** Whether all its connections are the next one's. */
  boolean hasMoved() {
    return hasMoved.get();
  }

  /** Returns how many bytes have come from it. */
  long received() {
    return received;
  }

  Duration age() {
    return Duration.ofNanos(System.nanoTime() - startedAt);
  }

  /** Ends the connector with all its connections. */
  void close() {
    command.close();
  }

  private void read() {
    PortException why = new PortException(502, "the connection to the sandbox has ended");
    try {
      Exited exited = command.forEachPiece(this::take);
      log.debug("connector {} has ended: {}", command.id(), exited);
      if (exited.reason() == Exited.Reason.NO_SANDBOX
          || exited.reason() == Exited.Reason.SANDBOX_GONE) {
        why = new PortException(502, "The sandbox was not found");
      } else if (exited.retryable()) {
        why = new PortException(503, "the sandbox runs too many commands; try again");
      }
    } catch (IllegalArgumentException e) {
      log.debug("connector {} sent {}", command.id(), e.getMessage());
      why = new PortException(502, "the sandbox sent something wrong");
    } catch (SandboxException e) {
      why = failure(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      command.close();
      owner.over(this, why);
      over.countDown();
    }
  }

  private static PortException failure(SandboxException e) {
    if (e instanceof CommandNotStartedException failed
        && failed.reason() == Exited.Reason.NO_SANDBOX) {
      return new PortException(502, "The sandbox was not found");
    }
    return new PortException(503, String.valueOf(e.getMessage()));
  }

  private void take(OutputPiece piece) {
    if (piece.stream() == OutputStreamName.STDERR) {
      log.debug("connector: {}", new String(piece.bytes(), StandardCharsets.UTF_8));
      return;
    }
    received += piece.bytes().length;
    frames.take(piece.bytes(), this::frame);
  }

  private void frame(int kind, int connection, int value, byte[] data) {
    switch (kind) {
      case Frames.HELLO -> hello.countDown();
      case Frames.MOVED -> hasMoved.set(true);
      default -> {
        awaitPredecessor();
        owner.frame(this, kind, connection, value, data);
      }
    }
  }

  /** What the predecessor sent of a connection comes before what this one sends of it. */
  private void awaitPredecessor() {
    try {
      if (predecessor != null && !predecessor.over.await(MOVING.toNanos(), TimeUnit.NANOSECONDS)) {
        throw new IllegalArgumentException("frames before those of its predecessor have ended");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalArgumentException("interrupted", e);
    }
  }

  private void write() {
    try {
      OutputStream stdin = command.stdin();
      while (over.getCount() > 0) {
        byte[] frame = waiting.poll(PING.toNanos(), TimeUnit.NANOSECONDS);
        if (frame == null) {
          owner.passing(this);
          frame = Frames.of(Frames.PING, 0, 0);
        }
        for (int size = 0; frame != null; frame = waiting.poll()) {
          stdin.write(frame);
          size += frame.length;
          if (size >= MOST_AT_ONCE) {
            break;
          }
        }
        stdin.flush();
      }
    } catch (IOException e) {
      log.debug("connector {} takes no more input: {}", command.id(), e.getMessage());
      command.close();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
