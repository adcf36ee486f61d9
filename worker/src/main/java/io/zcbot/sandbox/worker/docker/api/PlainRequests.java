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
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Asks an engine without a client, on a connection for each request: to load a client takes a
 * command longer than all that it asks. It speaks HTTP/1.0, whose answers come in one piece. What
 * is not a success in exactly that form is a failure, and somebody else's to explain.
 */
public final class PlainRequests {
  private static final int MOST = 32 << 20;
  private static final int MOST_HEAD = 16 << 10;
  private static final String BLANK_LINE = "\r\n\r\n";
  private static final Pattern TCP = Pattern.compile("tcp://127[.]0[.]0[.]1:([1-5]?[0-9]{1,4})");
  private static final Pattern SUCCESS = Pattern.compile("http/1\\.[01] 200 ");
  private static final Pattern LENGTH = Pattern.compile("\r\ncontent-length: *([0-9]{1,9})\r\n");

  private final SocketAddress engine;
  private final Duration patience;

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
    String request =
        "GET " + target + " HTTP/1.0\r\nHost: docker\r\nAccept: application/json\r\n\r\n";
    CountDownLatch answered = new CountDownLatch(1);
    try (SocketChannel channel = open()) {
      Thread.ofVirtual().start(() -> closeLate(channel, answered));
      try {
        channel.connect(engine);
        Channels.newOutputStream(channel).write(request.getBytes(StandardCharsets.US_ASCII));
        return body(Channels.newInputStream(channel).readNBytes(MOST + 1));
      } finally {
        answered.countDown();
      }
    }
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

  private static byte[] body(byte[] answer) throws IOException {
    String begin =
        new String(answer, 0, Math.min(answer.length, MOST_HEAD), StandardCharsets.ISO_8859_1);
    int end = begin.indexOf(BLANK_LINE);
    int start = end + BLANK_LINE.length();
    if (end < 0 || answer.length > MOST) {
      throw new IOException("the engine's answer has no head, or no end");
    }
    String head = begin.substring(0, end + 2).toLowerCase(Locale.ROOT);
    Matcher length = LENGTH.matcher(head);
    if (!SUCCESS.matcher(head).lookingAt()
        || head.contains("\r\ntransfer-encoding:")
        || (length.find() && Integer.parseInt(length.group(1)) != answer.length - start)) {
      throw new IOException("the engine's answer is no success, or not whole");
    }
    return Arrays.copyOfRange(answer, start, answer.length);
  }
}
