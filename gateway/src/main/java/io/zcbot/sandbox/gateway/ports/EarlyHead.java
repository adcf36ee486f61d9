/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.ports;

import io.helidon.common.GenericType;
import io.helidon.common.media.type.MediaType;
import io.helidon.webserver.http.ServerRequest;
import io.helidon.webserver.http.ServerResponse;
import io.helidon.webserver.http.spi.Sink;
import io.helidon.webserver.http.spi.SinkProvider;
import io.helidon.webserver.http.spi.SinkProviderContext;
import java.util.function.BiConsumer;

/**
 * Sends the head of a response before there is a body, for which Helidon has no other way. Clients
 * that wait for events see by it that they are connected.
 */
public final class EarlyHead implements SinkProvider<Void>, Sink<Void> {
  private static final GenericType<EarlyHead> TYPE = GenericType.create(EarlyHead.class);

  /** Used by Helidon. */
  public EarlyHead() {}

  /** Sends the head of a response whose output stream was asked for. */
  static void send(ServerResponse response) {
    EarlyHead _ = response.sink(TYPE);
  }

  @Override
  public boolean supports(GenericType<? extends Sink<?>> type, ServerRequest request) {
    return type.equals(TYPE);
  }

  @Override
  @SuppressWarnings({"unchecked", "TypeParameterUnusedInFormals"}) // as the interface has it
  public <X extends Sink<Void>> X create(SinkProviderContext context) {
    context.flushHeaders();
    return (X) this;
  }

  @Override
  @SuppressWarnings({"removal", "TypeParameterUnusedInFormals"}) // the interface still has it
  public <X extends Sink<Void>> X create(
      ServerResponse response, BiConsumer<Object, MediaType> consumer, Runnable onClose) {
    throw new UnsupportedOperationException();
  }

  @Override
  public Sink<Void> emit(Void nothing) {
    throw new UnsupportedOperationException();
  }

  @Override
  public void close() {}
}
