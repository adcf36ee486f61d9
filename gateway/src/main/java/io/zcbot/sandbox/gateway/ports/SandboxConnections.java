/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.ports;

import io.zcbot.sandbox.client.Sandbox;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The connections to the ports of one sandbox, which share one connector. A connector may write and
 * run only so long, so the connections move to a new one in time.
 */
final class SandboxConnections implements Connector.Owner {
  private static final Logger log = LoggerFactory.getLogger(SandboxConnections.class);

  /** How many connections a sandbox may have. */
  static final int MOST = 64;

  /** After how many bytes the next connector is started; the rest is for what comes meanwhile. */
  private static final long MOVE_AFTER = 6 << 20;

  private final Sandbox sandbox;
  private final String tenant;
  private final Duration longest;
  private final Semaphore more;
  private final String name = "zcbot-ports-" + UUID.randomUUID();
  private final ReentrantLock lock = new ReentrantLock();
  private final Map<Integer, PortConnection> connections = new ConcurrentHashMap<>();

  // Guarded by lock.
  private @Nullable Connector current;
  private boolean isReplacing;
  private int generation;
  private int last;
  private int lastMoved;
  private boolean wasUsed;
  private volatile boolean isClosed; // is written under lock
  private volatile @Nullable PortException lastFailure; // is written under lock

  /**
   * @param tenant whose sandbox it is
   * @param longest how long a command may run
   * @param more how many bytes of room all connections may have beyond that of new ones
   */
  SandboxConnections(Sandbox sandbox, String tenant, Duration longest, Semaphore more) {
    this.sandbox = sandbox;
    this.tenant = tenant;
    this.longest = longest;
    this.more = more;
  }

  String tenant() {
    return tenant;
  }

  /** Returns how many connections there are. */
  int count() {
    return connections.size();
  }

  /** Whether nothing can be opened any more. */
  boolean isClosed() {
    return isClosed;
  }

  /**
   * Opens a connection. Whether something listens at the port is known when it is read. Who waits
   * while a connector can't be started is told why, and does not try it again.
   *
   * @return empty if these connections are closed
   */
  Optional<PortConnection> open(int port) throws PortException, InterruptedException {
    PortException known = lastFailure;
    if (!lock.tryLock(Connector.START.toNanos(), TimeUnit.NANOSECONDS)) {
      throw new PortException(
          503, "no connection to the sandbox within " + Connector.START.toSeconds() + " s");
    }
    try {
      if (isClosed) {
        return Optional.empty();
      }
      if (connections.size() >= MOST) {
        throw new PortException(
            503, "the sandbox's ports have " + MOST + " connections already; close some");
      }
      Connector connector = current;
      if (connector == null) {
        connector = start(known);
        current = connector;
      }
      wasUsed = true;
      int number = ++last;
      PortConnection connection =
          new PortConnection(number, this::send, more, () -> connections.remove(number));
      connections.put(number, connection);
      connector.send(Frames.of(Frames.OPEN, number, port));
      return Optional.of(connection);
    } finally {
      lock.unlock();
    }
  }

  private Connector start(@Nullable PortException known)
      throws PortException, InterruptedException {
    PortException failure = lastFailure;
    if (failure != null && failure != known) {
      throw failure;
    }
    try {
      return Connector.start(sandbox, this, name, generation++, null, longest);
    } catch (PortException e) {
      lastFailure = e;
      throw e;
    }
  }

  private void send(byte[] frame) {
    lock.lock();
    try {
      if (current != null) {
        current.send(frame);
      }
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void frame(Connector from, int kind, int number, int value, byte[] data) {
    PortConnection connection = connections.get(number);
    if (connection != null) {
      connection.frame(kind, value, data);
    }
    if (from.received() > MOVE_AFTER || isOld(from)) {
      startNext(from);
    }
  }

  @Override
  public void passing(Connector connector) {
    boolean isIdle = false;
    lock.lock();
    try {
      if (connector == current) {
        isIdle = connections.isEmpty() && !wasUsed;
        wasUsed = !connections.isEmpty();
        isClosed = isClosed || isIdle;
      }
    } finally {
      lock.unlock();
    }
    if (isIdle) {
      connector.close();
    } else if (isOld(connector)) {
      startNext(connector);
    }
  }

  private boolean isOld(Connector connector) {
    return connector.age().compareTo(longest.dividedBy(2)) > 0;
  }

  /** Begins to replace a connector, unless that was begun. */
  private void startNext(Connector old) {
    lock.lock();
    try {
      if (old != current || isReplacing || isClosed) {
        return;
      }
      isReplacing = true;
    } finally {
      lock.unlock();
    }
    Thread.ofVirtual().name("ports-move").start(() -> replace(old));
  }

  private void replace(Connector old) {
    Connector heir = null;
    boolean isReplaced = false;
    try {
      heir = Connector.start(sandbox, this, name, nextGeneration(), old, longest);
      isReplaced = heir.awaitHello(Connector.START) && move(old, heir);
    } catch (PortException e) {
      log.warn("the connections to the ports of {} end: {}", sandbox.user(), e.getMessage());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      lock.lock();
      try {
        isReplacing = false;
      } finally {
        lock.unlock();
      }
      if (!isReplaced) {
        old.close();
        if (heir != null) {
          heir.close();
        }
      }
    }
  }

  private int nextGeneration() {
    lock.lock();
    try {
      return generation++;
    } finally {
      lock.unlock();
    }
  }

  /** Lets a connector give its connections to another one, to which all further frames go. */
  private boolean move(Connector old, Connector heir) {
    lock.lock();
    try {
      if (old != current || isClosed) {
        return false;
      }
      old.send(Frames.of(Frames.MOVE, 0, heir.generation()));
      lastMoved = last;
      current = heir;
      return true;
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void over(Connector connector, PortException why) {
    List<PortConnection> lost;
    lock.lock();
    try {
      boolean isCurrent = connector == current;
      if (isCurrent) {
        current = null;
      }
      if (!isCurrent && connector.hasMoved()) {
        return;
      }
      lost =
          connections.values().stream()
              .filter(connection -> isCurrent || connection.number() <= lastMoved)
              .toList();
    } finally {
      lock.unlock();
    }
    lost.forEach(connection -> connection.fail(why));
  }

  /** Closes all connections. */
  void close() {
    Connector connector;
    lock.lock();
    try {
      isClosed = true;
      connector = current;
    } finally {
      lock.unlock();
    }
    if (connector != null) {
      connector.close();
    }
  }
}
