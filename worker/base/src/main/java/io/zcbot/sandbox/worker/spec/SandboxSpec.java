/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.spec;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How every sandbox of this worker is created. Everything else is the same for all sandboxes of
 * this version, and is represented by {@link #REVISION}.
 *
 * @param runtime OCI runtime; null for the engine's default
 * @param network the name of the bridge network
 * @param policy what sandboxes may reach there
 */
public record SandboxSpec(
    String image,
    @Nullable String runtime,
    ResourceLimits limits,
    String network,
    NetworkPolicy policy) {
  /** Raise this when a hard limit changes, so that sandboxes with the old limit are replaced. */
  static final int REVISION = 5;

  /** The value of the spec label. Specs with the same hash create the same sandboxes. */
  public String hash() {
    List<String> lines =
        new ArrayList<>(
            List.of(
                "revision=" + REVISION,
                "image=" + image,
                "runtime=" + (runtime == null ? "" : runtime),
                "memory=" + limits.memoryBytes(),
                "cpus=" + limits.cpus(),
                "pids=" + limits.pids(),
                "tmp=" + limits.tmpBytes(),
                "io_weight=" + (limits.ioWeight() == null ? "" : limits.ioWeight()),
                "network=" + network,
                "firewall=" + policy.firewall(),
                "egress=" + policy.egress().text(),
                "pg_ips=" + String.join(",", policy.pgIps()),
                "dns=" + policy.dns().text(),
                "flows=" + policy.traffic().flows(),
                "flow_rate=" + policy.traffic().newFlowsPerSecond(),
                "bandwidth=" + policy.traffic().bytesPerSecond(),
                "smtp=" + policy.traffic().smtp()));
    // Left out if not set, so that sandboxes of versions without this setting stay valid.
    if (limits.cgroupParent() != null) {
      lines.add("cgroup_parent=" + limits.cgroupParent());
    }
    return digest(lines.toArray(String[]::new));
  }

  /** A hash of lines, in 32 characters. */
  public static String digest(String... lines) {
    try {
      byte[] digest =
          MessageDigest.getInstance("SHA-256")
              .digest(String.join("\n", lines).getBytes(StandardCharsets.UTF_8));
      return HexFormat.of().formatHex(digest, 0, 16);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }
}
