/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.e2b;

import io.helidon.webserver.http.HttpRouting;
import io.zcbot.sandbox.client.SandboxClient;
import io.zcbot.sandbox.client.SandboxTable;
import io.zcbot.sandbox.gateway.GatewayOptions;
import io.zcbot.sandbox.gateway.keys.AccessTokens;
import io.zcbot.sandbox.gateway.keys.ApiKeys;

/** E2B's interface as a whole. */
public final class E2b {
  private final ControlPlane control;
  private final DataPlane data;
  private final NamedSandboxes named;

  /** Wires its parts. */
  public E2b(
      SandboxClient client,
      SandboxTable table,
      Brokers brokers,
      ApiKeys keys,
      AccessTokens tokens,
      GatewayOptions options) {
    Sandboxes sandboxes = new Sandboxes(client, table, brokers);
    this.named = new NamedSandboxes(sandboxes);
    this.control = new ControlPlane(keys, tokens, sandboxes, options);
    this.data = new DataPlane(sandboxes, keys, tokens, options);
  }

  /** Returns the sandboxes of tenants' users, which count together with those of E2B's clients. */
  public NamedSandboxes named() {
    return named;
  }

  /** Adds the routes of both planes. */
  public void routes(HttpRouting.Builder routing) {
    control.routes(routing);
    data.routes(routing);
  }
}
