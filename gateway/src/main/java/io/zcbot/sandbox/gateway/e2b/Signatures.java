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
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** The signatures of paths that let anybody read or write one file, as E2B's clients make them. */
final class Signatures {
  private static final Pattern FORM = Pattern.compile("v1_[A-Za-z0-9+/]{43}");

  /** So many characters has a number of 64 bits at most. */
  private static final int EXPIRATION = 20;

  private Signatures() {}

  /** Returns whether any token can make this signature. */
  static boolean isPossible(String signature, @Nullable String expiration) {
    return FORM.matcher(signature).matches()
        && (expiration == null || expiration.length() <= EXPIRATION);
  }

  /**
   * Returns the hash of what is signed before the token, which may be long.
   *
   * @param operation {@code read} or {@code write}
   */
  static MessageDigest begun(String path, String operation, String user) {
    try {
      MessageDigest hash = MessageDigest.getInstance("SHA-256");
      hash.update((path + ":" + operation + ":" + user + ":").getBytes(StandardCharsets.UTF_8));
      return hash;
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e); // every JDK has it
    }
  }

  /**
   * Returns the signature of a path.
   *
   * @param begun is not changed
   * @param expiration seconds since 1970 as in the query; null if it does not expire
   */
  static String of(MessageDigest begun, String token, @Nullable String expiration) {
    String rest = expiration == null ? token : token + ":" + expiration;
    try {
      MessageDigest hash = (MessageDigest) begun.clone();
      return "v1_"
          + Base64.getEncoder()
              .withoutPadding()
              .encodeToString(hash.digest(rest.getBytes(StandardCharsets.UTF_8)));
    } catch (CloneNotSupportedException e) {
      throw new AssertionError(e); // that of the JDK can be cloned
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
