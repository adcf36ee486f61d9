/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.keys;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.time.Instant;
import java.util.HexFormat;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.jspecify.annotations.Nullable;

/**
 * The tokens with which sandboxes are used. A token is derived from the sandbox's id, its
 * container's id, the last time that a key of its tenant was revoked, and a secret that all
 * gateways of a fleet share in a file, so it is stored nowhere, every gateway accepts it, and it is
 * worth nothing once the container is gone or somebody may have it who had such a key.
 */
public final class AccessTokens {
  private static final String ALGORITHM = "HmacSHA256";
  private static final int SECRET_BYTES = 32;

  private final SecretKeySpec secret;

  /** Creates tokens from a secret. */
  public AccessTokens(byte[] secret) {
    this.secret = new SecretKeySpec(secret.clone(), ALGORITHM);
  }

  /**
   * Reads the secret, and makes it, with mode 0600, if there is none.
   *
   * @throws IOException if the file can't be read or made, or is shorter than 32 bytes
   */
  public static AccessTokens of(Path file) throws IOException {
    Path absolute = file.toAbsolutePath();
    Files.createDirectories(absolute.getParent());
    if (!Files.exists(absolute)) {
      byte[] fresh = new byte[SECRET_BYTES];
      new SecureRandom().nextBytes(fresh);
      Path made =
          Files.createTempFile(
              absolute.getParent(),
              absolute.getFileName() + ".",
              ".new",
              PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
      try {
        Files.writeString(made, HexFormat.of().formatHex(fresh) + "\n");
        Files.createLink(absolute, made); // fails if another gateway was faster
      } catch (FileAlreadyExistsException e) {
        // its secret counts
      } finally {
        Files.deleteIfExists(made);
      }
    }
    byte[] secret = Files.readString(absolute).strip().getBytes(StandardCharsets.UTF_8);
    if (secret.length < SECRET_BYTES) {
      throw new IOException(
          absolute + ": the secret has " + secret.length + " bytes; it must have at least 32");
    }
    return new AccessTokens(secret);
  }

  /**
   * Returns the token of a sandbox. It begins with the sandbox's id, since older clients send
   * nothing else that tells it.
   *
   * @param revokedAt when a key of the sandbox's tenant was revoked last, after which tokens that
   *     were given before are worth nothing; null if none was
   */
  public String of(String sandboxId, String containerId, @Nullable Instant revokedAt) {
    return sandboxId + derived("access", sandboxId, containerId, revokedAt);
  }

  /** Returns the token with which only the ports of a sandbox can be reached. */
  public String ofTraffic(String sandboxId, String containerId, @Nullable Instant revokedAt) {
    return derived("traffic", sandboxId, containerId, revokedAt);
  }

  private String derived(
      String use, String sandboxId, String containerId, @Nullable Instant revokedAt) {
    try {
      Mac mac = Mac.getInstance(ALGORITHM);
      mac.init(secret);
      mac.update(
          (use
                  + "\n"
                  + sandboxId
                  + "\n"
                  + containerId
                  + (revokedAt == null ? "" : "\n" + revokedAt))
              .getBytes(StandardCharsets.UTF_8));
      return HexFormat.of().formatHex(mac.doFinal());
    } catch (GeneralSecurityException e) {
      throw new AssertionError(e); // every JDK has it
    }
  }

  /** Compares texts in a time that does not tell where they differ. */
  public static boolean areEqual(String one, String other) {
    return MessageDigest.isEqual(
        one.getBytes(StandardCharsets.UTF_8), other.getBytes(StandardCharsets.UTF_8));
  }
}
