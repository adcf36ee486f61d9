/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.e2b;

import io.zcbot.sandbox.events.UserId;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Optional;
import java.util.UUID;
import java.util.regex.Pattern;

/**
 * E2B's ids of sandboxes: the user's UUID without hyphens, since an id is part of the names of
 * hosts.
 */
final class SandboxId {
  static final int LENGTH = 32;

  private static final Pattern FORM = Pattern.compile("[0-9a-f]{32}");
  private static final UUID NAMESPACE = UUID.fromString("6f2b7a52-6f5c-4b6e-9a3c-0f3b7e1c5d21");

  /** Of users that are made by the key of a create that may be repeated. */
  private static final UUID REPEATABLE = UUID.fromString("0c6f5ac2-7f3b-4ad0-9d0e-5f4f0f1f6b9e");

  private static final Pattern POSSIBLE = Pattern.compile("[a-z0-9]{1,50}");

  private SandboxId() {}

  /** Returns whether a text has the form of E2B's ids. */
  static boolean isPossible(String id) {
    return POSSIBLE.matcher(id).matches();
  }

  static String of(UserId user) {
    return user.toString().replace("-", "");
  }

  /** Returns the user whose sandbox has this id; empty if no sandbox of ours can have it. */
  static Optional<UserId> user(String id) {
    if (!FORM.matcher(id).matches()) {
      return Optional.empty();
    }
    return Optional.of(
        UserId.parse(
            String.join(
                "-",
                id.substring(0, 8),
                id.substring(8, 12),
                id.substring(12, 16),
                id.substring(16, 20),
                id.substring(20))));
  }

  /** Returns a user whom nobody had before. */
  static UserId fresh() {
    return UserId.parse(UUID.randomUUID().toString());
  }

  /** Returns the user that a tenant calls by a name of its own: a UUID of version 5. */
  static UserId named(String tenant, String name) {
    return derived(NAMESPACE, tenant, name);
  }

  /** Returns the user of a create that a tenant may repeat: the same for the same key. */
  static UserId repeatable(String tenant, String key) {
    return derived(REPEATABLE, tenant, key);
  }

  private static UserId derived(UUID namespace, String tenant, String name) {
    try {
      MessageDigest sha1 = MessageDigest.getInstance("SHA-1");
      sha1.update(HexFormat.of().parseHex(namespace.toString().replace("-", "")));
      sha1.update((tenant + "/" + name).getBytes(StandardCharsets.UTF_8));
      byte[] uuid = Arrays.copyOf(sha1.digest(), 16);
      uuid[6] = (byte) ((uuid[6] & 0x0f) | 0x50);
      uuid[8] = (byte) ((uuid[8] & 0x3f) | 0x80);
      return user(HexFormat.of().formatHex(uuid)).orElseThrow();
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e); // every JDK has it
    }
  }
}
