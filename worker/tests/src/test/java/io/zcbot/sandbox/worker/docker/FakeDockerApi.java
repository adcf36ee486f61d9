/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import com.github.dockerjava.core.DefaultDockerClientConfig;
import io.zcbot.sandbox.worker.docker.api.DockerEngineSettings;
import io.zcbot.sandbox.worker.docker.api.EngineErrors;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;

/**
 * A fake of the Docker API that sends the given replies, which may also be nothing, half of a
 * reply, or a reset. For each method and path, the replies are given in order; the last one is
 * repeated.
 */
public final class FakeDockerApi implements AutoCloseable {
  private static final String OUR_IMAGE =
      "{\"Id\":\"sha256:00\",\"Config\":{\"Entrypoint\":[\"/usr/local/sbin/zcbot-init\"]}}";

  private final ServerSocket server;
  private final Map<String, Queue<Reply>> script = new ConcurrentHashMap<>();
  private final List<Request> requests = new CopyOnWriteArrayList<>();
  private final Set<Socket> open = ConcurrentHashMap.newKeySet();

  /** A request to the engine. */
  public record Request(String method, String target, String body) {
    public String path() {
      int query = target.indexOf('?');
      return query < 0 ? target : target.substring(0, query);
    }
  }

  /** Writes an answer, or does something else with the connection. */
  public interface Reply {
    void send(Socket socket, OutputStream out) throws IOException, InterruptedException;

    default boolean keepsConnection() {
      return false;
    }
  }

  private record Status(int status, String body) implements Reply {
    @Override
    public void send(Socket socket, OutputStream out) throws IOException {
      byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
      String head = "HTTP/1.1 " + status + " X\r\nContent-Type: application/json\r\n";
      // these two never have a body
      boolean bodiless = status == 204 || status == 304;
      if (!bodiless) {
        head += "Content-Length: " + bytes.length + "\r\n";
      }
      out.write((head + "\r\n").getBytes(StandardCharsets.ISO_8859_1));
      if (!bodiless) {
        out.write(bytes);
      }
    }

    @Override
    public boolean keepsConnection() {
      return true;
    }
  }

  public FakeDockerApi() throws IOException {
    server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    Thread.ofVirtual().name("fake-engine").start(this::accept);
  }

  public URI address() {
    return URI.create("tcp://127.0.0.1:" + server.getLocalPort());
  }

  /** A client of the worker {@code w1}. */
  public DockerEngine client(DockerEngineSettings settings, SandboxMetrics metrics) {
    return new DockerEngine(
        DefaultDockerClientConfig.createDefaultConfigBuilder()
            .withDockerHost(address().toString())
            .withDockerTlsVerify(false)
            .build(),
        "w1",
        settings,
        metrics);
  }

  public FakeDockerApi on(String method, String path, Reply... replies) {
    script.put(method + " " + path, new ArrayDeque<>(List.of(replies)));
    return this;
  }

  /** All requests of a method to a path, in order. */
  public List<Request> asked(String method, String path) {
    return requests.stream()
        .filter(r -> r.method().equals(method) && r.path().equals(path))
        .toList();
  }

  /** All requests, as method and path. */
  public List<String> asked() {
    return requests.stream().map(r -> r.method() + " " + r.path()).toList();
  }

  public static Reply status(int status, String body) {
    return new Status(status, body);
  }

  public static Reply error(int status, String message) {
    return status(status, EngineErrors.bodyOf(message));
  }

  /** Answers once the given number of requests have arrived, each on its own connection. */
  public static Reply together(int many, Reply reply) {
    CountDownLatch here = new CountDownLatch(many);
    return new Reply() {
      @Override
      public void send(Socket socket, OutputStream out) throws IOException, InterruptedException {
        here.countDown();
        here.await();
        reply.send(socket, out);
      }

      @Override
      public boolean keepsConnection() {
        return reply.keepsConnection();
      }
    };
  }

  public static Reply hang() {
    return (socket, out) -> Thread.sleep(60_000);
  }

  public static Reply eof() {
    return (socket, out) -> {};
  }

  public static Reply reset() {
    return (socket, out) -> socket.setSoLinger(true, 0);
  }

  /** Announces a longer body than it sends. */
  public static Reply half(String body) {
    return (socket, out) ->
        out.write(
            ("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
                    + (body.length() + 100)
                    + "\r\n\r\n"
                    + body)
                .getBytes(StandardCharsets.ISO_8859_1));
  }

  /** A stream that is closed after its parts. */
  public static Reply stream(byte[]... parts) {
    return (socket, out) -> {
      out.write(
          "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n"
              .getBytes(StandardCharsets.ISO_8859_1));
      for (byte[] part : parts) {
        out.write(part);
        out.flush();
      }
    };
  }

  /** A stream that stays open after its parts. */
  public static Reply openStream(byte[]... parts) {
    return (socket, out) -> {
      stream(parts).send(socket, out);
      Thread.sleep(60_000);
    };
  }

  /** A connection that is taken over for a stream in each direction. */
  public static Reply hijacked(Talk talk) {
    return (socket, out) -> {
      out.write(
          "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
              .getBytes(StandardCharsets.ISO_8859_1));
      talk.over(socket.getInputStream(), out);
    };
  }

  /** The conversation over a connection. */
  public interface Talk {
    void over(InputStream in, OutputStream out) throws IOException, InterruptedException;
  }

  /** A frame of an attach stream. */
  public static byte[] frame(int stream, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    ByteArrayOutputStream frame = new ByteArrayOutputStream();
    frame.write(stream);
    frame.writeBytes(
        new byte[] {
          0,
          0,
          0,
          (byte) (bytes.length >> 24),
          (byte) (bytes.length >> 16),
          (byte) (bytes.length >> 8),
          (byte) bytes.length
        });
    frame.writeBytes(bytes);
    return frame.toByteArray();
  }

  @Override
  public void close() throws IOException {
    server.close();
    dropConnections();
  }

  /** Drops all connections, as when the engine restarts. */
  public void dropConnections() throws IOException {
    for (Socket socket : open) {
      socket.close();
    }
  }

  private void accept() {
    while (!server.isClosed()) {
      try {
        Socket socket = server.accept();
        open.add(socket);
        Thread.ofVirtual().name("fake-engine-connection").start(() -> serve(socket));
      } catch (IOException e) {
        return;
      }
    }
  }

  private void serve(Socket socket) {
    try (socket) {
      InputStream in = new BufferedInputStream(socket.getInputStream());
      OutputStream out = socket.getOutputStream();
      boolean more = true;
      while (more) {
        Request request = read(in);
        if (request == null) {
          return;
        }
        Reply reply;
        if (isAskedForTheImage(request)) {
          reply = status(200, OUR_IMAGE);
        } else {
          requests.add(request);
          reply = next(request);
        }
        reply.send(socket, out);
        out.flush();
        more = reply.keepsConnection();
      }
    } catch (IOException e) {
      // the client gave up, as it should
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      open.remove(socket);
    }
  }

  /** Before the first create; only tests of images say what it is. */
  private boolean isAskedForTheImage(Request request) {
    String question = request.method() + " " + request.path();
    return question.matches("GET /images/.*/json") && !script.containsKey(question);
  }

  private Reply next(Request request) {
    Queue<Reply> replies = script.get(request.method() + " " + request.path());
    if (replies == null) {
      return error(500, "the test has no reply for " + request.method() + " " + request.target());
    }
    synchronized (replies) {
      Reply reply = replies.size() > 1 ? replies.remove() : replies.element();
      return reply;
    }
  }

  private static @Nullable Request read(InputStream in) throws IOException {
    String first = line(in);
    if (first.isEmpty()) {
      return null;
    }
    int length = 0;
    boolean chunked = false;
    for (String header = line(in); !header.isEmpty(); header = line(in)) {
      String lower = header.toLowerCase(Locale.ROOT);
      if (lower.startsWith("content-length:")) {
        length = Integer.parseInt(lower.substring(15).strip());
      }
      chunked |= lower.startsWith("transfer-encoding:");
    }
    if (chunked) {
      throw new IOException("the fake engine reads no chunks");
    }
    String body = new String(in.readNBytes(length), StandardCharsets.UTF_8);
    String[] words = first.split(" ", 3);
    return new Request(words[0], words[1], body);
  }

  private static String line(InputStream in) throws IOException {
    ByteArrayOutputStream line = new ByteArrayOutputStream();
    for (int b = in.read(); b >= 0 && b != '\n'; b = in.read()) {
      if (b != '\r') {
        line.write(b);
      }
    }
    return line.toString(StandardCharsets.ISO_8859_1);
  }
}
