/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.host;

import com.github.dockerjava.api.model.Network;
import io.zcbot.sandbox.worker.docker.api.EngineCalls;
import io.zcbot.sandbox.worker.docker.api.EngineErrors;
import io.zcbot.sandbox.worker.docker.api.Operation;
import io.zcbot.sandbox.worker.docker.api.SandboxLabels;
import io.zcbot.sandbox.worker.docker.api.SharedAttempts;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import java.io.IOException;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The bridge network of all sandboxes, which isolates them from one another. Creates it if it is
 * missing. Thread-safe; calls block.
 */
public final class SandboxNetwork {
  private static final Logger log = LoggerFactory.getLogger(SandboxNetwork.class);
  private static final String DEVICE = "com.docker.network.bridge.name";
  private static final String ICC = "com.docker.network.bridge.enable_icc";

  private final EngineCalls calls;
  private final SharedAttempts attempts = new SharedAttempts(Operation.NETWORK_CREATE);
  private final String name;
  private volatile boolean present;

  public SandboxNetwork(EngineCalls calls, String name) {
    this.calls = calls;
    this.name = name;
  }

  /**
   * Creates the network if it is missing. Once seen, it is not looked up again until {@link
   * #forget}.
   *
   * @throws EngineException of kind REJECTED if a network of that name does not isolate
   */
  public void ensure() throws EngineException {
    if (!present) {
      attempts.run(this::findOrMake);
    }
  }

  /** Looks the network up and creates nothing; null if there is none. */
  public SandboxGround.@Nullable Network look() throws EngineException {
    Network network = inspect();
    return network == null
        ? null
        : new SandboxGround.Network(String.valueOf(network.getDriver()), isolates(network));
  }

  /**
   * Returns the network's bridge on the host. Call {@link #ensure} before.
   *
   * @throws EngineException if the network is gone, or its description is incomplete
   */
  public Bridge bridge() throws EngineException {
    return calls.call(
        Operation.NETWORK_INSPECT,
        engine -> {
          Network found = engine.docker().inspectNetworkCmd().withNetworkId(name).exec();
          String id = found.getId();
          Network.Ipam ipam = found.getIpam();
          if (id == null || id.length() < 12 || ipam == null || ipam.getConfig() == null) {
            throw new IOException("the engine described a network without Id or IPAM");
          }
          Map<String, String> options = found.getOptions();
          String device = options == null ? null : options.get(DEVICE);
          return new Bridge(
              device == null || device.isEmpty() ? "br-" + id.substring(0, 12) : device,
              ipam.getConfig().stream()
                  .map(Network.Ipam.Config::getSubnet)
                  .filter(Objects::nonNull)
                  .toList(),
              ipam.getConfig().stream()
                  .map(Network.Ipam.Config::getGateway)
                  .filter(gateway -> gateway != null && gateway.indexOf(':') < 0)
                  .findFirst()
                  .orElse(null));
        });
  }

  /** Called when the engine misses the network: the next {@link #ensure} looks it up again. */
  public void forget() {
    present = false;
  }

  private void findOrMake() throws EngineException {
    if (!find() && !make() && !find()) {
      throw EngineErrors.exception(
          Kind.TRANSIENT,
          Operation.NETWORK_CREATE,
          "the network " + name + " is removed repeatedly",
          "check what else removes it",
          null);
    }
    present = true;
  }

  private boolean find() throws EngineException {
    Network network = inspect();
    if (network == null) {
      return false;
    }
    if (!"bridge".equals(network.getDriver()) || !isolates(network)) {
      throw EngineErrors.exception(
          Kind.REJECTED,
          Operation.NETWORK_INSPECT,
          "the network " + name + " lets sandboxes reach one another (" + ICC + " is not false)",
          "remove it, so that the worker creates it, or set ZCBOT_SANDBOX_NETWORK to another name",
          null);
    }
    return true;
  }

  private static boolean isolates(Network network) {
    Map<String, String> options = network.getOptions();
    return options != null && "false".equals(options.get(ICC));
  }

  private @Nullable Network inspect() throws EngineException {
    try {
      return calls.call(
          Operation.NETWORK_INSPECT,
          engine -> engine.docker().inspectNetworkCmd().withNetworkId(name).exec());
    } catch (EngineException e) {
      if (e.kind() == Kind.ABSENT) {
        return null;
      }
      throw e;
    }
  }

  /** Creates the network; returns false if another worker created it in the meantime. */
  private boolean make() throws EngineException {
    try {
      calls.call(
          Operation.NETWORK_CREATE,
          engine ->
              engine
                  .docker()
                  .createNetworkCmd()
                  .withName(name)
                  .withDriver("bridge")
                  .withCheckDuplicate(true)
                  .withEnableIpv6(false)
                  .withOptions(Map.of(ICC, "false"))
                  .withLabels(Map.of(SandboxLabels.PRODUCT, SandboxLabels.PRODUCT_NETWORK))
                  .exec());
    } catch (EngineException e) {
      if (e.kind() == Kind.CONFLICT) {
        return false;
      }
      throw e;
    }
    log.info("Created the network {}", name);
    return true;
  }
}
