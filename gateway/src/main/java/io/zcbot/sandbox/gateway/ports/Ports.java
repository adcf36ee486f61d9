/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.ports;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.helidon.http.HeaderNames;
import io.helidon.http.Headers;
import io.helidon.http.HttpPrologue;
import io.helidon.http.Status;
import io.helidon.http.WritableHeaders;
import io.helidon.webserver.ConnectionContext;
import io.helidon.webserver.http.Filter;
import io.helidon.webserver.http.FilterChain;
import io.helidon.webserver.http.RoutingRequest;
import io.helidon.webserver.http.RoutingResponse;
import io.helidon.webserver.http.ServerResponse;
import io.helidon.webserver.http1.spi.Http1Upgrader;
import io.helidon.webserver.spi.ServerConnection;
import io.zcbot.sandbox.client.SandboxClient;
import io.zcbot.sandbox.events.UserId;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Serves the ports of sandboxes: requests whose host is {@code PORT-ID.DOMAIN}, or that name both
 * in headers. All other requests pass.
 */
public final class Ports implements Filter, Http1Upgrader, AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Ports.class);
  private static final String WEBSOCKET = "websocket";

  /** How many connections there may be to ports of all sandboxes. */
  private static final int MOST = 256;

  /** How many bytes of room they may have, besides that of new ones. */
  private static final int MOST_ROOM = 48 << 20;

  private final Sandboxes sandboxes;
  private final SandboxClient client;
  private final Duration longestCommand;
  private final ConcurrentHashMap<UserId, SandboxConnections> connections =
      new ConcurrentHashMap<>();
  private final Semaphore more = new Semaphore(MOST_ROOM);
  private volatile boolean isClosed;

  /** Knows the sandboxes. */
  public interface Sandboxes {
    /**
     * Finds a sandbox by its id.
     *
     * @param isOpen whether the request may reach its ports; if not, that is as if there were none
     * @throws PortException if it can't be known whether there is one
     */
    Optional<ExposedSandbox> find(String id, Predicate<ExposedSandbox> isOpen) throws PortException;
  }

  /**
   * @param sandboxes finds a sandbox by its id
   * @param longestCommand how long a command may run
   */
  public Ports(Sandboxes sandboxes, SandboxClient client, Duration longestCommand) {
    this.sandboxes = sandboxes;
    this.client = client;
    this.longestCommand = longestCommand;
  }

  /** Whether a request is for a port of a sandbox. */
  public static boolean isForPort(RoutingRequest request) {
    return Port.of(request.headers(), request.authority()).isPresent();
  }

  @Override
  public void filter(FilterChain chain, RoutingRequest request, RoutingResponse response) {
    Port port = Port.of(request.headers(), request.authority()).orElse(null);
    if (port == null) {
      chain.proceed();
      return;
    }
    try {
      ExposedSandbox sandbox =
          authorized(port, request.headers(), request.prologue(), request.authority());
      if (!sandbox.isPublic() && isFirstVisit(request, sandbox)) {
        giveCookie(request, response, sandbox);
        return;
      }
      try (PortConnection connection = open(sandbox, port)) {
        new Exchange(request, response, connection).run();
      }
    } catch (PortException e) {
      refuse(response, port, e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      refuse(response, port, new PortException(503, "the gateway is stopping"));
    }
  }

  /**
   * Returns the sandbox to who has its token. For others there is none, since ids of users whom a
   * tenant names can be guessed.
   */
  private ExposedSandbox authorized(Port port, Headers headers, HttpPrologue prologue, String host)
      throws PortException {
    String query = prologue.query().rawValue();
    Predicate<ExposedSandbox> isOpenWithoutCookie =
        sandbox ->
            sandbox.isPublic()
                || TrafficToken.isInHeader(headers, sandbox.token())
                || TrafficToken.isInQuery(query, sandbox.token());
    ExposedSandbox found =
        sandboxes
            .find(
                port.sandbox(),
                isOpenWithoutCookie.or(
                    sandbox -> TrafficToken.isInCookies(headers, sandbox.token())))
            .orElseThrow(
                () ->
                    new PortException(
                        502,
                        "The sandbox was not found, or its token in header '"
                            + TrafficToken.NAME
                            + (TrafficToken.isIn(headers, query)
                                ? "' is invalid"
                                : "' is missing")));
    if (!isOpenWithoutCookie.test(found)
        && TrafficToken.isForOtherPage(headers, prologue.method().text(), host)) {
      throw new PortException(
          403, "the cookie with the token counts only for pages of this address");
    }
    return found;
  }

  /** Whether a browser shows a page whose address has the token. */
  private static boolean isFirstVisit(RoutingRequest request, ExposedSandbox sandbox) {
    return TrafficToken.READING.contains(request.prologue().method().text())
        && TrafficToken.isInQuery(request.prologue().query().rawValue(), sandbox.token())
        && !TrafficToken.isInHeader(request.headers(), sandbox.token());
  }

  /** Sends a browser to the same address without the token, which it has in a cookie then. */
  private static void giveCookie(
      RoutingRequest request, RoutingResponse response, ExposedSandbox sandbox) {
    boolean isEncrypted =
        request.isSecure()
            || request
                .headers()
                .first(HeaderNames.X_FORWARDED_PROTO)
                .filter("https"::equalsIgnoreCase)
                .isPresent();
    String query = TrafficToken.withoutToken(request.prologue().query().rawValue());
    // with one slash: two would begin the name of a host
    String path = request.prologue().uriPath().rawPath().replaceFirst("^[/\\\\]*", "/");
    response
        .status(Status.SEE_OTHER_303)
        .header(HeaderNames.LOCATION, query.isEmpty() ? path : path + "?" + query)
        .header(HeaderNames.SET_COOKIE, TrafficToken.cookie(sandbox.token(), isEncrypted))
        .header("Referrer-Policy", "no-referrer")
        .header(HeaderNames.CACHE_CONTROL, "no-store")
        .send();
  }

  private static void refuse(ServerResponse response, Port port, PortException e) {
    ObjectNode body =
        JsonNodeFactory.instance
            .objectNode()
            .put("sandboxId", port.sandbox())
            .put("message", String.valueOf(e.getMessage()))
            .put("port", port.number())
            .put("code", e.status());
    if (e.status() == 503) {
      response.header("Retry-After", "1");
    }
    response
        .status(Status.create(e.status()))
        .header("Content-Type", "application/json")
        .send(body.toString());
  }

  private PortConnection open(ExposedSandbox sandbox, Port port)
      throws PortException, InterruptedException {
    boolean _ = connections.values().removeIf(SandboxConnections::isClosed);
    int all = connections.values().stream().mapToInt(SandboxConnections::count).sum();
    int tenants =
        connections.values().stream()
            .filter(each -> each.tenant().equals(sandbox.tenant()))
            .mapToInt(SandboxConnections::count)
            .sum();
    if (tenants >= MOST - all) { // a tenant takes no more than it leaves
      throw new PortException(
          503,
          "the sandboxes have " + tenants + " connections to ports, as many as a tenant may have");
    }
    while (!isClosed) {
      Optional<PortConnection> opened = of(sandbox).open(port.number());
      if (opened.isPresent()) {
        return opened.get();
      }
    }
    throw new PortException(503, "the gateway is stopping");
  }

  private SandboxConnections of(ExposedSandbox sandbox) {
    return connections.compute(
        sandbox.user(),
        (u, known) ->
            known == null || known.isClosed()
                ? new SandboxConnections(
                    client.sandbox(u, sandbox.tenant()), sandbox.tenant(), longestCommand, more)
                : known);
  }

  @Override
  public String supportedProtocol() {
    return WEBSOCKET;
  }

  /**
   * Passes a request for a WebSocket on. If the server does not agree, or may not be asked, the
   * request is handled as any other one, which tells the client why.
   */
  @Override
  public @Nullable ServerConnection upgrade(
      ConnectionContext context, HttpPrologue prologue, WritableHeaders<?> headers) {
    String host = headers.first(HeaderNames.HOST).orElse("");
    Port port = Port.of(headers, host).orElse(null);
    if (port == null || !prologue.method().text().equals("GET")) {
      return null;
    }
    PortConnection connection = null;
    boolean isUpgraded = false;
    try {
      connection = open(authorized(port, headers, prologue, host), port);
      byte[] head =
          new RequestHead(
                  "GET", prologue.uriPath().rawPath(), prologue.query().rawValue(), host, headers)
              .with("Connection", "Upgrade")
              .with("Upgrade", WEBSOCKET)
              .bytes();
      connection.write(head, 0, head.length);
      ServerAnswer answer = ServerAnswer.read(connection, false);
      List<String> protocols = answer.headers().all(HeaderNames.UPGRADE, List::of);
      isUpgraded =
          answer.status().code() == 101
              && protocols.size() == 1
              && protocols.getFirst().strip().equalsIgnoreCase(WEBSOCKET);
      return isUpgraded ? new Tunnel(context, connection, answer) : null;
    } catch (PortException e) {
      log.debug("a WebSocket to {} was not opened: {}", port, e.getMessage());
      return null;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return null;
    } finally {
      if (connection != null && !isUpgraded) {
        connection.close();
      }
    }
  }

  /** Closes all connections. */
  @Override
  public void close() {
    isClosed = true;
    connections.values().forEach(SandboxConnections::close);
  }
}
