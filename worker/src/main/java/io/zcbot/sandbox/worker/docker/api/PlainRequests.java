/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.api;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Asks an engine without a client, on a connection for each request: to load a client takes a
 * command longer than all that it asks, and through one each look at a container allocates 28 KB
 * more. No connection can have died while nobody asked. It speaks HTTP/1.0, whose answers come in
 * one piece. What is not in exactly that form is a failure.
 */
public final class PlainRequests {
  private static final int MOST = 32 << 20;

  /** A description of a container takes 6 to 9 KB. */
  private static final int BUFFER = 16 << 10;

  private static final int MOST_BUFFERS = 16;
  private static final int SUCCESS = 200;
  private static final Pattern TCP = Pattern.compile("tcp://127[.]0[.]0[.]1:([1-5]?[0-9]{1,4})");

  private final SocketAddress engine;
  private final Duration patience;

  /** Kept for the next answers, of which most come in one: to fill new ones would cost more. */
  private final Queue<byte[]> buffers = new ArrayBlockingQueue<>(MOST_BUFFERS);

  /**
   * Of an engine.
   *
   * @param patience how long one request may take
   */
  public PlainRequests(SocketAddress engine, Duration patience) {
    this.engine = engine;
    this.patience = patience;
  }

  /**
   * Where an engine of this host takes plain requests; null if that takes a client.
   *
   * @param dockerHost as the environment has it
   * @param home where a client's own configuration may be
   */
  public static @Nullable SocketAddress address(
      @Nullable String dockerHost, Map<String, String> env, Path home) {
    if (dockerHost == null) {
      return isElsewhere(env, home) ? null : UnixDomainSocketAddress.of("/var/run/docker.sock");
    }
    if (dockerHost.startsWith("unix:///")) {
      return UnixDomainSocketAddress.of(dockerHost.substring("unix://".length()));
    }
    Matcher tcp = TCP.matcher(dockerHost);
    return env.containsKey("DOCKER_TLS_VERIFY") || !tcp.matches()
        ? null
        : new InetSocketAddress(InetAddress.getLoopbackAddress(), Integer.parseInt(tcp.group(1)));
  }

  /** Whether something else than {@code DOCKER_HOST} may name an engine. */
  private static boolean isElsewhere(Map<String, String> env, Path home) {
    String directory = env.get("DOCKER_CONFIG");
    Path config =
        (directory == null ? home.resolve(".docker") : Path.of(directory)).resolve("config.json");
    try {
      return env.containsKey("DOCKER_CONTEXT")
          || Files.exists(home.resolve(".docker-java.properties"))
          || (Files.exists(config) && Files.readString(config).contains("currentContext"));
    } catch (IOException e) {
      return true;
    }
  }

  /** The body of a success. */
  public byte[] get(String target) throws IOException {
    CountDownLatch answered = new CountDownLatch(1);
    try (SocketChannel channel = open()) {
      Thread.ofVirtual().start(() -> closeLate(channel, answered));
      try {
        PlainAnswer answer = ask(channel, target);
        if (answer.status() != SUCCESS) {
          throw new IOException("the engine's answer is no success");
        }
        return answer.body();
      } finally {
        answered.countDown();
      }
    }
  }

  /** Whatever is answered; for as long as it takes, but an interrupt ends it. */
  PlainAnswer ask(String target) throws IOException {
    try (SocketChannel channel = open()) {
      return ask(channel, target);
    }
  }

  private PlainAnswer ask(SocketChannel channel, String target) throws IOException {
    String request =
        "GET " + target + " HTTP/1.0\r\nHost: docker\r\nAccept: application/json\r\n\r\n";
    channel.connect(engine);
    ByteBuffer out = ByteBuffer.wrap(request.getBytes(StandardCharsets.US_ASCII));
    while (out.hasRemaining()) {
      channel.write(out);
    }
    byte[] buffer = buffers.poll();
    if (buffer == null) {
      buffer = new byte[BUFFER];
    }
    try {
      byte[] bytes = buffer;
      int length = 0;
      for (int read = 0; read >= 0; length += Math.max(0, read)) {
        if (length == bytes.length) {
          bytes = larger(bytes);
        }
        read = channel.read(ByteBuffer.wrap(bytes, length, bytes.length - length));
      }
      return PlainAnswer.of(bytes, length);
    } finally {
      boolean _ = buffers.offer(buffer);
    }
  }

  private static byte[] larger(byte[] full) throws IOException {
    if (full.length >= MOST) {
      throw new IOException("the engine's answer has no head, or no end");
    }
    return Arrays.copyOf(full, full.length * 2);
  }

  private SocketChannel open() throws IOException {
    return engine instanceof UnixDomainSocketAddress
        ? SocketChannel.open(StandardProtocolFamily.UNIX)
        : SocketChannel.open();
  }

  /** Ends what another thread does with the channel. */
  private void closeLate(SocketChannel channel, CountDownLatch answered) {
    try (channel) {
      var _ = answered.await(patience.toNanos(), TimeUnit.NANOSECONDS);
    } catch (InterruptedException | IOException e) {
      // nobody uses it any more
    }
  }
}
