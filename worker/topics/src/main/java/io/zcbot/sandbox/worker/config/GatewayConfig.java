/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.config;

import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Settings of the gateway. */
public final class GatewayConfig {
  public final InetSocketAddress address;

  /** Null if metrics and health are not served. */
  public final @Nullable InetSocketAddress opsAddress;

  public final Path directory;
  public final Duration longestLife;
  public final String domain;

  /** In lower case. */
  public final List<String> names;

  /** Null if it does not encrypt. */
  public final @Nullable Path tlsCertificate;

  /** Null if it does not encrypt. */
  public final @Nullable Path tlsKey;

  GatewayConfig(SettingsReader in) {
    address =
        in.get(
            "ZCBOT_GATEWAY_ADDRESS",
            "127.0.0.1:3000",
            NetworkKinds.listenAddress(),
            "Address on which `sandbox gateway` serves E2B's interface and MCP. Where other machines"
                + " reach it, set ZCBOT_GATEWAY_TLS_CERTIFICATE, or put a proxy with TLS before it.");
    Optional<InetSocketAddress> listen =
        in.get(
            "ZCBOT_GATEWAY_OPS_ADDRESS",
            "127.0.0.1:3001",
            Kind.orOff(NetworkKinds.listenAddress()),
            "Address on which metrics and health of the gateway are served, or off.");
    opsAddress = listen.orElse(null);
    directory =
        in.get(
            "ZCBOT_GATEWAY_DIRECTORY",
            "/var/lib/zcbot/gateway",
            Kind.path("/var/lib/zcbot/gateway"),
            "Directory with the gateway's API keys (their hashes, keys.json) and its secret"
                + " (secret). Gateways behind one balancer share it.");
    longestLife =
        in.get(
            "ZCBOT_GATEWAY_MAX_TIMEOUT",
            "24h",
            Kind.duration("1s", "365d"),
            "The longest timeout that clients of the gateway may give a sandbox. Workers allow it"
                + " up to ZCBOT_SANDBOX_IDLE_TTL_MAX.");
    names =
        in.get(
            "ZCBOT_GATEWAY_NAMES",
            List.of(),
            "none",
            NetworkKinds.names(),
            "Names that clients of MCP may call the gateway, besides its address: those of a proxy"
                + " before it, separated by commas. Other names are refused, since a page of another"
                + " site can have its own name lead to the gateway.");
    tlsCertificate =
        in.find(
            "ZCBOT_GATEWAY_TLS_CERTIFICATE",
            "no encryption",
            Kind.path("/etc/zcbot/gateway.crt"),
            "File with the gateway's certificate, and those that signed it after it, as PEM. Read"
                + " again within seconds after a change.");
    tlsKey =
        in.find(
            "ZCBOT_GATEWAY_TLS_KEY",
            "no encryption",
            Kind.path("/etc/zcbot/gateway.key"),
            "File with the key of that certificate, as PEM (PKCS#8), without a password.");
    domain =
        in.get(
            "ZCBOT_GATEWAY_DOMAIN",
            "localhost:" + address.getPort(),
            "localhost and the gateway's port",
            Kind.text(
                "a domain, with a port unless it is 443", "[A-Za-z0-9.-]{1,190}(:[0-9]{1,5})?"),
            "Domain of the sandboxes' names: port 8000 of a sandbox is at 8000-ID.DOMAIN. Its"
                + " wildcard name must lead to the gateway; names below localhost lead to the own"
                + " machine.");
  }
}
