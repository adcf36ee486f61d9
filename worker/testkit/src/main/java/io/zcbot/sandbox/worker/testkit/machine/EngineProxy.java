/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.testkit.machine;

import com.github.dockerjava.core.DefaultDockerClientConfig;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.StandardProtocolFamily;
import java.net.URI;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A proxy between a worker and the engine, which can be unavailable or freeze as an engine can, or
 * send its own replies.
 */
public final class EngineProxy implements AutoCloseable {
  private enum Mode {
    FORWARD,
    CUT,
    FROZEN,
    CLOSED
  }

  private final SocketAddress engineAddress = engineAddress();
  private final ServerSocketChannel server;
  private final Set<SocketChannel> open = ConcurrentHashMap.newKeySet();
  private final AtomicInteger connections = new AtomicInteger();
  private final Object change = new Object();
  private final AtomicInteger waiting = new AtomicInteger();
  private final Map<String, String> words = new ConcurrentHashMap<>();
  private Mode mode = Mode.FORWARD;
  private String held = "";

  public EngineProxy() throws IOException {
    server = ServerSocketChannel.open(StandardProtocolFamily.INET);
    server.bind(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), 0));
    Thread.ofVirtual().name("proxy").start(this::accept);
  }

  public String address() throws IOException {
    return "tcp://127.0.0.1:" + ((InetSocketAddress) server.getLocalAddress()).getPort();
  }

  /** The number of connections so far; while the engine is unavailable, each attempt makes one. */
  public int connections() {
    return connections.get();
  }

  /** The engine answers again, including the requests made while it was frozen. */
  public void heal() {
    set(Mode.FORWARD);
  }

  /** The engine is unavailable: connections break, including new ones. */
  public void cut() {
    set(Mode.CUT);
    open.forEach(EngineProxy::closeQuietly);
  }

  /** The engine hangs: connections stay open without data. */
  public void freeze() {
    set(Mode.FROZEN);
  }

  /**
   * From now on, replaces this text in all of the engine's answers by another of the same length,
   * so that the length of answers does not change.
   */
  public void replace(String said, String instead) {
    if (said.length() != instead.length()) {
      throw new IllegalArgumentException(instead + " is not as long as " + said);
    }
    words.put(said, instead);
  }

  /** The engine sends short answers in one piece, so no text is split. */
  private void reword(ByteBuffer buffer) {
    String said = StandardCharsets.ISO_8859_1.decode(buffer.duplicate()).toString();
    for (Map.Entry<String, String> word : words.entrySet()) {
      said = said.replace(word.getKey(), word.getValue());
    }
    buffer.duplicate().put(said.getBytes(StandardCharsets.ISO_8859_1));
  }

  /** From now on, a request whose first piece contains this text does not reach the engine. */
  public void hold(String words) {
    synchronized (change) {
      held = words;
      change.notifyAll();
    }
  }

  /** The number of requests that are held now. */
  public int held() {
    return waiting.get();
  }

  /** Releases all held requests. */
  public void release() {
    hold("");
  }

  private void awaitRelease(ByteBuffer request) throws InterruptedException {
    String asked = StandardCharsets.ISO_8859_1.decode(request.duplicate()).toString();
    synchronized (change) {
      while (!held.isEmpty() && asked.contains(held) && mode != Mode.CLOSED) {
        waiting.incrementAndGet();
        try {
          change.wait();
        } finally {
          waiting.decrementAndGet();
        }
      }
    }
  }

  private void set(Mode next) {
    synchronized (change) {
      mode = next;
      change.notifyAll();
    }
  }

  /** Whether bytes may pass, once that is decided. */
  private boolean mayPass() throws InterruptedException {
    synchronized (change) {
      while (mode == Mode.FROZEN) {
        change.wait();
      }
      return mode == Mode.FORWARD;
    }
  }

  private void accept() {
    while (server.isOpen()) {
      try {
        SocketChannel client = server.accept();
        connections.incrementAndGet();
        Thread.ofVirtual().name("proxy-connection").start(() -> serve(client));
      } catch (IOException _) {
        // Closed.
      }
    }
  }

  private void serve(SocketChannel client) {
    open.add(client);
    try (client) {
      if (!mayPass()) {
        return;
      }
      try (SocketChannel engine = SocketChannel.open(engineAddress)) {
        open.add(engine);
        Thread back = Thread.ofVirtual().name("proxy-back").start(() -> pump(engine, client, true));
        pump(client, engine, false);
        back.join();
        open.remove(engine);
      }
    } catch (IOException _) {
      // The worker sees a broken connection, as it should.
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    } finally {
      open.remove(client);
    }
  }

  private void pump(SocketChannel from, SocketChannel to, boolean fromEngine) {
    ByteBuffer buffer = ByteBuffer.allocate(64 * 1024);
    try {
      while (from.read(buffer.clear()) >= 0 && mayPass()) {
        buffer.flip();
        if (fromEngine) {
          reword(buffer);
        } else {
          awaitRelease(buffer);
        }
        while (buffer.hasRemaining()) {
          to.write(buffer);
        }
      }
      if (mayPass()) {
        to.shutdownOutput();
        return;
      }
    } catch (IOException _) {
      // One side broke, so the other has to.
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
    closeQuietly(from);
    closeQuietly(to);
  }

  /** The engine's address in the environment, read before a worker is given this proxy's. */
  private static SocketAddress engineAddress() {
    URI engine = DefaultDockerClientConfig.createDefaultConfigBuilder().build().getDockerHost();
    return engine.getScheme().equals("unix")
        ? UnixDomainSocketAddress.of(engine.getPath())
        : new InetSocketAddress(engine.getHost(), engine.getPort());
  }

  private static void closeQuietly(SocketChannel channel) {
    try {
      channel.close();
    } catch (IOException _) {
      // It is of no use any more either way.
    }
  }

  @Override
  public void close() throws IOException {
    set(Mode.CLOSED);
    server.close();
    open.forEach(EngineProxy::closeQuietly);
  }
}
