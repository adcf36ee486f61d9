/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.http;

import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadFactory;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * An HTTP server that shows something: it answers GET and HEAD, to its own names only, each request
 * on a thread of its own, and at most 16 at the same time; others get status 503.
 */
public final class ReadOnlyServer implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(ReadOnlyServer.class);
  private static final int MAX_AT_ONCE = 16;
  private static final int BACKLOG = 64;

  /**
   * An answer.
   *
   * @param body as text, which is sent in UTF-8
   */
  public record Answer(int status, String contentType, String body) {
    /** Plain text, of one line or more. */
    public static Answer text(int status, String body) {
      return new Answer(status, "text/plain; charset=utf-8", body + "\n");
    }
  }

  /** What a server shows. */
  public interface Pages {
    /** Which names the server answers to, as a sentence for whoever used another one. */
    String namesInWords();

    /** Sets headers that every answer has. */
    void setHeaders(Headers headers);

    /** Returns why a request is refused; null if it is not. */
    default @Nullable Answer refusal(HttpExchange exchange) {
      return null;
    }

    /**
     * Answers a request by itself, for as long as that takes, under a limit of its own.
     *
     * @return false, with nothing done, if the request is one for {@link #answer}
     */
    default boolean streams(HttpExchange exchange) throws IOException {
      return false;
    }

    /** Returns the answer to a request. */
    Answer answer(HttpExchange exchange) throws InterruptedException;
  }

  private final HttpServer server;
  private final OwnNames names;
  private final Pages pages;
  private final ExecutorService threads;
  private final Semaphore requests = new Semaphore(MAX_AT_ONCE);

  private ReadOnlyServer(HttpServer server, OwnNames names, Pages pages, ThreadFactory threads) {
    this.server = server;
    this.names = names;
    this.pages = pages;
    this.threads = Executors.newThreadPerTaskExecutor(threads);
  }

  /**
   * Starts to listen.
   *
   * @throws IOException if the address can't be used
   */
  public static ReadOnlyServer start(
      InetSocketAddress address, OwnNames names, Pages pages, ThreadFactory threads)
      throws IOException {
    // The JDK's server has no limits by default, and takes them as system properties only.
    bound("jdk.httpserver.maxConnections", "64");
    bound("sun.net.httpserver.maxReqHeaderSize", "16384");
    bound("sun.net.httpserver.maxReqTime", "10");
    bound("sun.net.httpserver.maxRspTime", "30");
    ReadOnlyServer started =
        new ReadOnlyServer(HttpServer.create(address, BACKLOG), names, pages, threads);
    started.server.setExecutor(started.threads);
    started.server.createContext("/", started::handle);
    started.server.start();
    return started;
  }

  private static void bound(String property, String value) {
    if (System.getProperty(property) == null) {
      System.setProperty(property, value);
    }
  }

  /** The address at which it listens, with the actual port if the configured one was 0. */
  public InetSocketAddress address() {
    return server.getAddress();
  }

  /** Stops listening and interrupts requests; can be called more than once. */
  @Override
  public void close() {
    threads.shutdownNow();
    server.stop(0);
  }

  private void handle(HttpExchange exchange) throws IOException {
    try (exchange) {
      pages.setHeaders(exchange.getResponseHeaders());
      Answer refusal = refusal(exchange);
      if (refusal != null) {
        send(exchange, refusal);
      } else if (pages.streams(exchange)) {
        log.debug("streamed {}", exchange.getRequestURI());
      } else if (!requests.tryAcquire()) {
        send(exchange, Answer.text(503, "too many requests at the same time"));
      } else {
        try {
          send(exchange, answer(exchange));
        } finally {
          requests.release();
        }
      }
    } catch (RuntimeException e) {
      log.warn("could not answer {}", exchange.getRequestURI(), e);
    }
  }

  private @Nullable Answer refusal(HttpExchange exchange) {
    if (!names.include(exchange.getRequestHeaders().get("Host"))) {
      return Answer.text(421, pages.namesInWords());
    }
    Answer refusal = pages.refusal(exchange);
    if (refusal != null) {
      return refusal;
    }
    if (!exchange.getRequestMethod().equals("GET") && !exchange.getRequestMethod().equals("HEAD")) {
      exchange.getResponseHeaders().set("Allow", "GET, HEAD");
      return Answer.text(405, "only GET and HEAD are supported");
    }
    return null;
  }

  private Answer answer(HttpExchange exchange) {
    try {
      return pages.answer(exchange);
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      return Answer.text(503, "the server is stopping");
    } catch (RuntimeException e) {
      log.warn("could not answer {}", exchange.getRequestURI(), e);
      return Answer.text(500, "the request failed, see the log");
    }
  }

  /** Sends an answer, without its body if the request has the method HEAD. */
  public static void send(HttpExchange exchange, Answer answer) throws IOException {
    byte[] body = answer.body().getBytes(StandardCharsets.UTF_8);
    Headers headers = exchange.getResponseHeaders();
    headers.set("Content-Type", answer.contentType());
    if (exchange.getRequestMethod().equals("HEAD")) {
      headers.set("Content-Length", Integer.toString(body.length));
      exchange.sendResponseHeaders(answer.status(), -1);
    } else {
      exchange.sendResponseHeaders(answer.status(), body.length);
      exchange.getResponseBody().write(body);
    }
  }
}
