/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.e2b;

import io.helidon.webserver.http.HttpRouting;
import io.zcbot.sandbox.client.SandboxClient;
import io.zcbot.sandbox.client.SandboxTable;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.gateway.GatewayOptions;
import io.zcbot.sandbox.gateway.keys.AccessTokens;
import io.zcbot.sandbox.gateway.keys.ApiKeys;
import io.zcbot.sandbox.gateway.ports.ExposedSandbox;
import io.zcbot.sandbox.gateway.ports.PortException;
import java.util.Optional;
import java.util.function.Predicate;

/** E2B's interface as a whole. */
public final class E2b {
  private final Sandboxes sandboxes;
  private final AccessTokens tokens;
  private final ApiKeys keys;
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
    this.sandboxes = new Sandboxes(client, table, brokers);
    this.named = new NamedSandboxes(sandboxes);
    this.tokens = tokens;
    this.keys = keys;
    this.control = new ControlPlane(keys, tokens, sandboxes, options);
    this.data = new DataPlane(sandboxes, keys, tokens, options);
  }

  /** Follows the current sandboxes that gateways made. */
  public static SandboxTable table(SandboxClient client, long maxBytes) {
    return client.sandboxes(maxBytes, entry -> SandboxView.isOfGateway(entry.labels()));
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

  /**
   * Returns a sandbox whose ports may be reached; empty if there is none with this id, or it is not
   * open. The table is read on in both cases, which takes the same time.
   *
   * @throws PortException with 503 if the brokers don't answer
   */
  public Optional<ExposedSandbox> exposed(String id, Predicate<ExposedSandbox> isOpen)
      throws PortException {
    try {
      sandboxes.brokers().require();
      Optional<UserId> user = SandboxId.user(id);
      return user.flatMap(sandboxes::known)
          .map(this::exposed)
          .filter(isOpen)
          .or(() -> user.flatMap(sandboxes::current).map(this::exposed).filter(isOpen));
    } catch (E2bException e) {
      throw new PortException(e.status(), e.text());
    }
  }

  private ExposedSandbox exposed(SandboxView sandbox) {
    return new ExposedSandbox(
        sandbox.user(),
        sandbox.tenant(),
        sandbox.id(),
        sandbox.trafficToken(tokens, keys),
        sandbox.hasPublicPorts());
  }
}
