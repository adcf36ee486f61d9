/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.e2b;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.util.Base64;
import org.jspecify.annotations.Nullable;

/** The signatures of paths that let anybody read or write one file, as E2B's clients make them. */
final class Signatures {
  private Signatures() {}

  /**
   * Returns the signature of a path.
   *
   * @param operation {@code read} or {@code write}
   * @param expiration seconds since 1970 as in the query; null if it does not expire
   */
  static String of(
      String path, String operation, String user, String token, @Nullable String expiration) {
    String signed = path + ":" + operation + ":" + user + ":" + token;
    if (expiration != null) {
      signed += ":" + expiration;
    }
    try {
      byte[] hash =
          MessageDigest.getInstance("SHA-256").digest(signed.getBytes(StandardCharsets.UTF_8));
      return "v1_" + Base64.getEncoder().withoutPadding().encodeToString(hash);
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e); // every JDK has it
    }
  }

  /** Returns whether a signature's time is over, or not a time. */
  static boolean isExpired(@Nullable String expiration, Instant now) {
    try {
      return expiration != null && Long.parseLong(expiration) < now.getEpochSecond();
    } catch (NumberFormatException e) {
      return true;
    }
  }
}
