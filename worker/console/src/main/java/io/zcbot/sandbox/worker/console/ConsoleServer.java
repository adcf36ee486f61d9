/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.console;

import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.http.OwnNames;
import io.zcbot.sandbox.worker.http.ReadOnlyServer;
import io.zcbot.sandbox.worker.http.ReadOnlyServer.Answer;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.Nullable;

/**
 * Serves the page and the data that it requests. It only reads, so the risk is that somebody else
 * reads too: a browser would give the answers to a page of another site whose name resolves to this
 * address (DNS rebinding). So the server answers only to its own names.
 */
final class ConsoleServer implements AutoCloseable {
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
  private final Semaphore streams = new Semaphore(MAX_STREAMS);
  private final Map<String, String> files = new HashMap<>();
  private final CountDownLatch stop = new CountDownLatch(1);
  private final ReadOnlyServer server;

  /**
   * Starts to listen.
   *
   * @param url where people reach it, if not at the address itself
   * @throws IOException if the address can't be used; the message says what to do
   */
  static ConsoleServer start(InetSocketAddress address, @Nullable URI url, Fleet fleet)
      throws IOException {
    try {
      return new ConsoleServer(address, OwnNames.forPeople(address, url), fleet);
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

  private ConsoleServer(InetSocketAddress address, OwnNames names, Fleet fleet) throws IOException {
    this.fleet = fleet;
    for (Map.Entry<String, String> file : FILES.entrySet()) {
      files.put(file.getKey(), resource(file.getValue()));
    }
    server =
        ReadOnlyServer.start(
            address, names, new Page(), Thread.ofVirtual().name("console-", 0).factory());
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
    return server.address();
  }

  @Override
  public void close() {
    stop.countDown();
    server.close();
  }

  /** The page, its files, and the data that it requests. */
  private final class Page implements ReadOnlyServer.Pages {
    @Override
    public String namesInWords() {
      return "this console answers to its own names only; if it is reached at another one, set"
          + " ZCBOT_CONSOLE_URL to it";
    }

    @Override
    public void setHeaders(Headers headers) {
      SafeHeaders.set(headers);
    }

    @Override
    public @Nullable Answer refusal(HttpExchange exchange) {
      Headers headers = exchange.getRequestHeaders();
      String site = headers.getFirst("Sec-Fetch-Site");
      boolean isOwn = site == null || site.equals("same-origin") || site.equals("none");
      // A link may lead to the page, but frames of another site may not take up its streams.
      boolean isLink =
          "navigate".equals(headers.getFirst("Sec-Fetch-Mode"))
              && "/".equals(exchange.getRequestURI().getPath());
      return isOwn || isLink
          ? null
          : Answer.text(403, "pages of other sites can't use this console");
    }

    @Override
    public Answer answer(HttpExchange exchange) {
      URI uri = exchange.getRequestURI();
      String file = files.get(uri.getPath());
      if (file != null) {
        return new Answer(200, contentType(FILES.getOrDefault(uri.getPath(), "")), file);
      }
      return uri.getPath().equals("/user")
          ? user(uri.getQuery())
          : Answer.text(404, "the paths are /, /events and /user?id=USER");
    }

    @Override
    public boolean streams(HttpExchange exchange) throws IOException {
      if (!exchange.getRequestURI().getPath().equals("/events")) {
        return false;
      }
      stream(exchange);
      return true;
    }
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
    return Answer.text(400, "id: must be a user's id, a UUID in lower case: /user?id=USER");
  }

  private void stream(HttpExchange exchange) throws IOException {
    if (exchange.getRequestMethod().equals("HEAD")) {
      ReadOnlyServer.send(exchange, Answer.text(405, "events can't be asked for by HEAD"));
    } else if (!streams.tryAcquire()) {
      ReadOnlyServer.send(exchange, Answer.text(503, "too many pages are open at the same time"));
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
}
