/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.console;

import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.http.HttpLimits;
import io.zcbot.sandbox.worker.http.OwnNames;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Serves the page and the data that it requests. It only reads, so the risk is that somebody else
 * reads too: a browser would give the answers to a page of another site whose name resolves to this
 * address (DNS rebinding). So the server answers only to its own names.
 */
final class ConsoleServer implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(ConsoleServer.class);
  private static final int MAX_AT_ONCE = 16;
  private static final int MAX_STREAMS = 16;
  private static final int MAX_QUERY = 64;
  private static final String USER_QUERY = "id=";

  private static final Map<String, String> FILES =
      Map.of(
          "/", "console.html",
          "/console.css", "console.css",
          "/console.js", "console.js",
          "/table.js", "table.js",
          "/format.js", "format.js");

  private final Fleet fleet;
  private final OwnNames names;
  private final Semaphore requests = new Semaphore(MAX_AT_ONCE);
  private final Semaphore streams = new Semaphore(MAX_STREAMS);
  private final Map<String, String> files = new HashMap<>();
  private final CountDownLatch stop = new CountDownLatch(1);
  private final HttpServer server;
  private final ExecutorService threads;

  private record Answer(int status, String contentType, String body) {}

  /**
   * Starts to listen.
   *
   * @param url where people reach it, if not at the address itself
   * @throws IOException if the address can't be used; the message says what to do
   */
  static ConsoleServer start(InetSocketAddress address, @Nullable URI url, Fleet fleet)
      throws IOException {
    HttpLimits.set();
    try {
      return new ConsoleServer(
          HttpServer.create(address, 64), OwnNames.forPeople(address, url), fleet);
    } catch (IOException e) {
      throw new IOException(
          "could not serve the console on "
              + address
              + ": "
              + e.getMessage()
              + "; free the address, or set ZCBOT_CONSOLE_ADDRESS to another one",
          e);
    }
  }

  private ConsoleServer(HttpServer server, OwnNames names, Fleet fleet) throws IOException {
    this.server = server;
    this.names = names;
    this.fleet = fleet;
    for (Map.Entry<String, String> file : FILES.entrySet()) {
      files.put(file.getKey(), resource(file.getValue()));
    }
    threads = Executors.newThreadPerTaskExecutor(Thread.ofVirtual().name("console-", 0).factory());
    server.setExecutor(threads);
    server.createContext("/", this::handle);
    server.start();
  }

  private static String resource(String name) throws IOException {
    try (InputStream in = ConsoleServer.class.getResourceAsStream(name)) {
      if (in == null) {
        throw new IOException("the jar lacks " + name);
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  /** The address at which it listens, with the actual port if the configured one was 0. */
  InetSocketAddress address() {
    return server.getAddress();
  }

  @Override
  public void close() {
    stop.countDown();
    threads.shutdownNow();
    server.stop(0);
  }

  private void handle(HttpExchange exchange) throws IOException {
    try (exchange) {
      SafeHeaders.set(exchange.getResponseHeaders());
      Answer refusal = refusal(exchange);
      if (refusal != null) {
        send(exchange, refusal);
      } else if (exchange.getRequestURI().getPath().equals("/events")) {
        stream(exchange);
      } else if (!requests.tryAcquire()) {
        send(exchange, text(503, "too many requests at the same time"));
      } else {
        try {
          send(exchange, answer(exchange.getRequestURI()));
        } finally {
          requests.release();
        }
      }
    } catch (RuntimeException e) {
      log.warn("could not answer", e);
    }
  }

  private @Nullable Answer refusal(HttpExchange exchange) {
    Headers headers = exchange.getRequestHeaders();
    if (!names.include(headers.get("Host"))) {
      return text(
          421,
          "this console answers to its own names only; if it is reached at another one, set"
              + " ZCBOT_CONSOLE_URL to it");
    }
    String site = headers.getFirst("Sec-Fetch-Site");
    boolean isOwn = site == null || site.equals("same-origin") || site.equals("none");
    // A link may lead to the page, but frames of another site may not take up its streams.
    boolean isLink =
        "navigate".equals(headers.getFirst("Sec-Fetch-Mode"))
            && "/".equals(exchange.getRequestURI().getPath());
    if (!isOwn && !isLink) {
      return text(403, "pages of other sites can't use this console");
    }
    if (!exchange.getRequestMethod().equals("GET") && !exchange.getRequestMethod().equals("HEAD")) {
      exchange.getResponseHeaders().set("Allow", "GET, HEAD");
      return text(405, "only GET and HEAD are supported");
    }
    return null;
  }

  private Answer answer(URI uri) {
    String file = files.get(uri.getPath());
    if (file != null) {
      return new Answer(200, contentType(FILES.getOrDefault(uri.getPath(), "")), file);
    }
    return uri.getPath().equals("/user")
        ? user(uri.getQuery())
        : text(404, "the paths are /, /events and /user?id=USER");
  }

  private Answer user(@Nullable String query) {
    try {
      if (query != null && query.length() <= MAX_QUERY && query.startsWith(USER_QUERY)) {
        UserId user = UserId.parse(query.substring(USER_QUERY.length()));
        return new Answer(200, "application/json", fleet.user(user));
      }
    } catch (IllegalArgumentException _) {
      // Refused like any other invalid query.
    }
    return text(400, "id: must be a user's id, a UUID in lower case: /user?id=USER");
  }

  private void stream(HttpExchange exchange) throws IOException {
    if (exchange.getRequestMethod().equals("HEAD")) {
      send(exchange, text(405, "events can't be asked for by HEAD"));
    } else if (!streams.tryAcquire()) {
      send(exchange, text(503, "too many pages are open at the same time"));
    } else {
      try {
        exchange.getResponseHeaders().set("Content-Type", "text/event-stream");
        // nginx would hold back events until its buffer is full.
        exchange.getResponseHeaders().set("X-Accel-Buffering", "no");
        exchange.sendResponseHeaders(200, 0);
        new EventStream(fleet, stop, exchange.getResponseBody())
            .run(exchange.getRequestHeaders().getFirst("Last-Event-ID"));
      } catch (InterruptedException _) {
        Thread.currentThread().interrupt();
      } finally {
        streams.release();
      }
    }
  }

  private static String contentType(String file) {
    return switch (file.substring(file.lastIndexOf('.') + 1)) {
      case "html" -> "text/html; charset=utf-8";
      case "css" -> "text/css; charset=utf-8";
      default -> "text/javascript; charset=utf-8";
    };
  }

  private static Answer text(int status, String body) {
    return new Answer(status, "text/plain; charset=utf-8", body + "\n");
  }

  private static void send(HttpExchange exchange, Answer answer) throws IOException {
    byte[] body = answer.body.getBytes(StandardCharsets.UTF_8);
    Headers headers = exchange.getResponseHeaders();
    headers.set("Content-Type", answer.contentType);
    if (exchange.getRequestMethod().equals("HEAD")) {
      headers.set("Content-Length", Integer.toString(body.length));
      exchange.sendResponseHeaders(answer.status, -1);
    } else {
      exchange.sendResponseHeaders(answer.status, body.length);
      exchange.getResponseBody().write(body);
    }
  }
}
