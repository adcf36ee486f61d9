/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What an operator chooses for a gateway.
 *
 * @param host the address to listen at
 * @param port the port to listen at; 0 for any that is free
 * @param keys the file with the hashes of the API keys
 * @param secret the file with the secret from which the tokens of sandboxes are derived; gateways
 *     behind one balancer share it
 * @param domain the domain of the names {@code PORT-ID.DOMAIN}, with its port unless it is the
 *     protocol's
 * @param cpus how many processors a sandbox has, for what clients are told
 * @param memoryMb how much memory a sandbox has, in MiB, for what clients are told
 * @param longestLife the longest time that a client may give a sandbox
 * @param longestCommand the longest time that a worker lets a command run
 * @param tls the files with which it encrypts; null if it does not
 * @param names what else than its address clients may call it, in lower case
 * @param profiles the sizes of the workers' profiles, by name; null if the gateway does not know
 *     the profiles
 */
public record GatewayOptions(
    String host,
    int port,
    Path keys,
    Path secret,
    String domain,
    int cpus,
    int memoryMb,
    Duration longestLife,
    Duration longestCommand,
    @Nullable TlsPaths tls,
    Set<String> names,
    @Nullable Map<String, Size> profiles) {
  /** Options without encryption and other names, for this machine. */
  public GatewayOptions(
      String host,
      int port,
      Path keys,
      Path secret,
      int cpus,
      int memoryMb,
      Duration longestLife,
      Duration longestCommand) {
    this(
        host,
        port,
        keys,
        secret,
        "localhost:" + port,
        cpus,
        memoryMb,
        longestLife,
        longestCommand,
        null,
        Set.of(),
        null);
  }

  /**
   * The size of sandboxes, for what clients are told.
   *
   * @param cpus how many processors
   * @param memoryMb how much memory, in MiB
   */
  public record Size(int cpus, int memoryMb) {}

  /**
   * The files of TLS, in the form PEM.
   *
   * @param certificate the certificate, with those that signed it after it
   * @param key its key, without a password
   */
  public record TlsPaths(Path certificate, Path key) {}
}
