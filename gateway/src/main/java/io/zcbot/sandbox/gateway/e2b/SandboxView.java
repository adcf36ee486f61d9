/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.e2b;

import io.zcbot.sandbox.events.CurrentSandbox;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.gateway.keys.AccessTokens;
import io.zcbot.sandbox.gateway.keys.ApiKey;
import io.zcbot.sandbox.gateway.keys.ApiKeys;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A sandbox as clients of E2B see it. What a worker does not know of it, such as its metadata, is
 * in the labels of its ensure, and so in the table of current sandboxes.
 *
 * @param keyId the id of the key with which it was made; empty if that is not known
 * @param environment variables for every command
 * @param hasPublicPorts whether its ports can be reached without a token
 * @param endsAt when the sandbox ends
 * @param profile what the sandbox is made of
 */
record SandboxView(
    UserId user,
    String containerId,
    String tenant,
    String keyId,
    String template,
    Map<String, String> metadata,
    Map<String, String> environment,
    boolean hasPublicPorts,
    Instant startedAt,
    @Nullable Instant endsAt,
    String profile) {
  private static final String TENANT = "gateway.tenant";
  private static final String KEY = "gateway.key";
  private static final String TEMPLATE = "e2b.template";
  private static final String METADATA = "e2b.metadata";
  private static final String ENVIRONMENT = "e2b.env";
  private static final String PUBLIC_PORTS = "gateway.public_ports";
  private static final String STARTED = "e2b.started_at";

  /** Returns whether labels are those of a sandbox that a gateway made. */
  static boolean isOfGateway(Map<String, String> labels) {
    return labels.containsKey(TENANT);
  }

  /** Returns the tenant of an entry's sandbox; null if no gateway made it. */
  static @Nullable String tenant(CurrentSandbox entry) {
    return entry.labels().get(TENANT);
  }

  /** Returns an entry's sandbox; empty if no gateway made it. */
  static Optional<SandboxView> of(CurrentSandbox entry) {
    Map<String, String> labels = entry.labels();
    String tenant = tenant(entry);
    if (tenant == null) {
      return Optional.empty();
    }
    return Optional.of(
        new SandboxView(
            entry.userId(),
            entry.container().id(),
            tenant,
            labels.getOrDefault(KEY, ""),
            labels.getOrDefault(TEMPLATE, Templates.of(entry.profile())),
            Json.map(labels.get(METADATA)),
            Json.map(labels.get(ENVIRONMENT)),
            "true".equals(labels.get(PUBLIC_PORTS)),
            startedAt(labels.get(STARTED), entry.readyAt()),
            entry.endsAt(),
            entry.profile()));
  }

  private static Instant startedAt(@Nullable String text, Instant otherwise) {
    try {
      return text == null ? otherwise : Instant.parse(text);
    } catch (DateTimeException e) {
      return otherwise;
    }
  }

  /** Returns the labels from which {@link #of} reads all but what workers know. */
  static Map<String, String> labels(
      ApiKey key,
      String template,
      Map<String, String> metadata,
      Map<String, String> environment,
      boolean hasPublicPorts,
      Instant startedAt) {
    Map<String, String> labels = new LinkedHashMap<>();
    labels.put(TENANT, key.tenant());
    labels.put(KEY, key.id());
    labels.put(TEMPLATE, template);
    labels.put(STARTED, startedAt.toString());
    if (!metadata.isEmpty()) {
      labels.put(METADATA, Json.text(metadata));
    }
    if (!environment.isEmpty()) {
      labels.put(ENVIRONMENT, Json.text(environment));
    }
    if (hasPublicPorts) {
      labels.put(PUBLIC_PORTS, "true");
    }
    return labels;
  }

  /** Returns the token with which it is used, until a key of its tenant is revoked. */
  String token(AccessTokens tokens, ApiKeys keys) {
    return tokens.of(id(), containerId, keys.revokedAt(tenant));
  }

  /** Returns the token with which its ports are reached, for as long as the other one. */
  String trafficToken(AccessTokens tokens, ApiKeys keys) {
    return tokens.ofTraffic(id(), containerId, keys.revokedAt(tenant));
  }

  String id() {
    return SandboxId.of(user);
  }
}
