/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.api;

import com.github.dockerjava.api.exception.DockerException;
import io.zcbot.sandbox.worker.base.Threads;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.URI;
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
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Sends GET requests to a local engine without a docker-java client. Each request uses its own
 * connection and HTTP/1.0, so that the response is not chunked and a stale pooled connection is
 * impossible. Any response in another form is an {@link IOException}.
 *
 * <p>Used because loading a docker-java client takes a command longer than all its requests, and
 * because the client allocates 28 KB more for each look-up of a container. Thread-safe.
 */
public final class PlainRequests {
  private static final int MOST = 32 << 20;

  /** Large enough for most descriptions of a container, which take 6 to 9 KB. */
  private static final int BUFFER = 16 << 10;

  private static final int MOST_BUFFERS = 16;
  private static final int SUCCESS = 200;
  private static final Pattern TCP = Pattern.compile("tcp://127[.]0[.]0[.]1:[1-5]?[0-9]{1,4}");
  private static final Pattern FILE = Pattern.compile("unix://(/[\\w.-]+)+");

  private final EngineSocket engine;
  private final Duration patience;

  /**
   * A pool of buffers for responses; most responses fit in one, and allocating new ones costs more.
   */
  private final Queue<byte[]> buffers = new ArrayBlockingQueue<>(MOST_BUFFERS);

  /**
   * Creates requests to an engine.
   *
   * @param patience maximum time of one {@link #get}
   */
  public PlainRequests(URI engine, Duration patience) {
    this.engine = new EngineSocket(engine, null);
    this.patience = patience;
  }

  /**
   * Returns the address of an engine on this host that accepts plain requests; null if a
   * docker-java client is needed.
   *
   * @param dockerHost value of {@code DOCKER_HOST}; null if unset
   * @param env the environment, which can configure a client otherwise
   * @param home the home directory, in which a client's configuration may be
   */
  public static @Nullable URI address(
      @Nullable String dockerHost, Map<String, String> env, Path home) {
    if (dockerHost == null) {
      return isElsewhere(env, home) ? null : URI.create("unix:///var/run/docker.sock");
    }
    boolean isPlain =
        FILE.matcher(dockerHost).matches()
            || (TCP.matcher(dockerHost).matches() && !env.containsKey("DOCKER_TLS_VERIFY"));
    return isPlain ? URI.create(dockerHost) : null;
  }

  /** Whether an engine may be configured by other means than {@code DOCKER_HOST}. */
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

  /**
   * Returns the body of a successful response. A second virtual thread closes the channel when the
   * time is over, because reads of a blocking channel have no time-out.
   *
   * @throws DockerException if the engine refuses
   */
  public byte[] get(String target) throws IOException {
    CountDownLatch answered = new CountDownLatch(1);
    try (SocketChannel channel = engine.open()) {
      Threads.start("engine-late", () -> closeLate(channel, answered));
      try {
        return ask(channel, target);
      } finally {
        answered.countDown();
      }
    }
  }

  /** Returns the body of a successful response without a time-out. An interrupt ends the call. */
  byte[] ask(String target) throws IOException {
    try (SocketChannel channel = engine.open()) {
      return ask(channel, target);
    }
  }

  private byte[] ask(SocketChannel channel, String target) throws IOException {
    String request =
        "GET " + target + " HTTP/1.0\r\nHost: docker\r\nAccept: application/json\r\n\r\n";
    EngineSocket.Streams connection = engine.connect(channel);
    connection.out().write(request.getBytes(StandardCharsets.US_ASCII));
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
        read = connection.in().read(bytes, length, bytes.length - length);
      }
      return body(new ByteArrayInputStream(bytes, 0, length));
    } finally {
      boolean _ = buffers.offer(buffer);
    }
  }

  private static byte[] body(ByteArrayInputStream answer) throws IOException {
    AnswerHead head = AnswerHead.read(answer);
    byte[] body = answer.readAllBytes();
    if (head.isEncoded() || (head.length() >= 0 && head.length() != body.length)) {
      throw new IOException("the engine's answer is no plain one, or not whole");
    }
    if (head.status() != SUCCESS) {
      throw head.refusal(body);
    }
    return body;
  }

  private static byte[] larger(byte[] full) throws IOException {
    if (full.length >= MOST) {
      throw new IOException("the engine's answer has no end");
    }
    return Arrays.copyOf(full, full.length * 2);
  }

  /** Closes the channel, which aborts the request, unless it is answered in time. */
  private void closeLate(SocketChannel channel, CountDownLatch answered) {
    try (channel) {
      var _ = answered.await(patience.toNanos(), TimeUnit.NANOSECONDS);
    } catch (InterruptedException | IOException e) {
      // the request has ended, so nothing uses the channel
    }
  }
}
