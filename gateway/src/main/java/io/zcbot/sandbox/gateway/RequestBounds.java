/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway;

import io.helidon.http.HeaderValues;
import io.helidon.http.Headers;
import io.helidon.http.HttpPrologue;
import io.helidon.webserver.CloseConnectionException;
import io.helidon.webserver.ConnectionContext;
import io.helidon.webserver.WebServerConfig;
import io.helidon.webserver.http.Filter;
import io.helidon.webserver.http.FilterChain;
import io.helidon.webserver.http.RoutingRequest;
import io.helidon.webserver.http.RoutingResponse;
import io.helidon.webserver.http1.Http1ConnectionListener;
import java.time.Duration;

/**
 * Bounds what clients can hold by sending nothing, or many requests.
 *
 * @param patience how long a client may send nothing within a request
 * @param connections how many connections there may be; further ones wait until one is closed
 * @param requests how many requests are served at once, with streams; further ones get 503
 * @param memory what their messages may take
 */
record RequestBounds(Duration patience, int connections, int requests, BodyMemory memory)
    implements Filter, Http1ConnectionListener {
  /** Those of a gateway. */
  static RequestBounds ofGateway() {
    return new RequestBounds(TimedWait.PATIENCE, 4096, 2048, new BodyMemory());
  }

  /** The wait for the headers of the request that this thread reads. */
  private static final ThreadLocal<TimedWait> HEADERS = new ThreadLocal<>();

  /** Sets those that the server has itself. */
  void set(WebServerConfig.BuilderBase<?, ?> server) {
    server.maxTcpConnections(connections).maxConcurrentRequests(requests);
  }

  @Override
  public void prologue(ConnectionContext context, HttpPrologue prologue) {
    HEADERS.set(new TimedWait(patience));
  }

  @Override
  public void headers(ConnectionContext context, Headers headers) {
    TimedWait wait = HEADERS.get();
    HEADERS.remove();
    if (wait != null && wait.done()) {
      throw new CloseConnectionException("the headers took " + patience.toSeconds() + " s");
    }
  }

  /** Bounds the reading of bodies. */
  @Override
  public void filter(FilterChain chain, RoutingRequest request, RoutingResponse response) {
    request.streamFilter(in -> new TimedInput(in, patience));
    try (BodyMemory.Part part = memory.part()) {
      request.context().register(part);
      chain.proceed();
    }
    if (request.prologue().protocolVersion().startsWith("1")
        && !request.content().consumed()
        && !response.headers().contains(HeaderValues.CONNECTION_CLOSE)) {
      readRest(request);
    }
  }

  /** Reads what nobody wanted, as the server does, but not for ever. The answer was sent. */
  private void readRest(RoutingRequest request) {
    TimedWait wait = new TimedWait(patience);
    RuntimeException failure = null;
    try {
      request.content().consume();
    } catch (RuntimeException e) {
      failure = e;
    }
    if (wait.done() || failure != null) {
      throw new CloseConnectionException("the rest of the body can't be read", failure);
    }
  }
}
