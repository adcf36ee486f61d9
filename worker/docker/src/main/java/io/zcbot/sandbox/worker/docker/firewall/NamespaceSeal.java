/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.firewall;

import com.fasterxml.jackson.databind.JsonNode;
import io.zcbot.sandbox.worker.docker.api.EngineCalls;
import io.zcbot.sandbox.worker.docker.api.EngineErrors;
import io.zcbot.sandbox.worker.docker.api.Operation;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Seals sandboxes: sets rules in the network namespace of a sandbox that was just started, from
 * outside. They apply to traffic that never reaches the host's bridge, or that would burden others
 * before it does. The sandbox has no capability to change them, and its init reports ready only
 * when they are in force.
 *
 * <p>Starting a helper for each sandbox would delay its start, so one helper, started when first
 * needed, sets all seals and ends with the worker. Thread-safe; the lock is held while the helper
 * is asked, so sandboxes are sealed one after the other.
 */
public final class NamespaceSeal implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(NamespaceSeal.class);

  private final EngineCalls calls;
  private final String networkName;
  private final FirewallHelper helper;
  private final Supplier<@Nullable List<String>> rules;
  private final Duration patience;
  private final ReentrantLock lock = new ReentrantLock();
  private @Nullable Helper running;

  /**
   * Where a container's network namespace is.
   *
   * @param process id of its first process on the host; 0 if it does not run
   * @param gateway IPv4 address of its gateway; null if it is not on the network
   */
  private record Namespace(long process, @Nullable String gateway) {}

  private record Helper(String id, List<String> rules, SealSession session) {}

  /**
   * Creates the seal without starting the helper.
   *
   * @param rules supplies the helper's environment; null while that is unknown
   * @param patience maximum time for each answer of the helper
   */
  NamespaceSeal(
      EngineCalls calls,
      String networkName,
      FirewallHelper helper,
      Supplier<@Nullable List<String>> rules,
      Duration patience) {
    this.calls = calls;
    this.networkName = networkName;
    this.helper = helper;
    this.rules = rules;
    this.patience = patience;
  }

  /**
   * Seals a container's network namespace. Does nothing if its process has ended already; the
   * container's output then explains why.
   *
   * @throws EngineException if the seal is not known to be set
   */
  public void set(String containerId) throws EngineException {
    Namespace namespace = namespaceOf(containerId);
    if (namespace.process == 0) {
      return;
    }
    requireGateway(namespace.gateway);
    String answer = answer(namespace);
    if (!answer.equals("sealed " + namespace.process)
        && !answer.equals("gone " + namespace.process)) {
      throw failure(answer);
    }
  }

  private String answer(Namespace namespace) throws EngineException {
    lock.lock();
    try {
      String answer = ask(namespace);
      if (answer == null) {
        log.info("The helper that seals namespaces has ended; another one is started");
        answer = ask(namespace);
      }
      if (answer == null) {
        throw failure("the helper container ended, or does not answer");
      }
      return answer;
    } finally {
      lock.unlock();
    }
  }

  private Namespace namespaceOf(String containerId) throws EngineException {
    return calls.call(
        Operation.INSPECT,
        engine -> {
          JsonNode answer = engine.requests().get("/containers/" + containerId + "/json");
          return new Namespace(
              answer.path("State").path("Pid").asLong(),
              answer
                  .path("NetworkSettings")
                  .path("Networks")
                  .path(networkName)
                  .path("Gateway")
                  .textValue());
        });
  }

  /** Throws if the container has no gateway, the only next hop that a seal allows. */
  private void requireGateway(@Nullable String gateway) throws EngineException {
    if (gateway == null) {
      throw EngineErrors.exception(
          Kind.FIREWALL,
          Operation.FIREWALL,
          "the engine knows no network " + networkName + " of the sandbox",
          "set ZCBOT_SANDBOX_NETWORK to the network's name, not its id",
          null);
    }
    if (gateway.isEmpty()) {
      throw EngineErrors.exception(
          Kind.FIREWALL,
          Operation.FIREWALL,
          "the network " + networkName + " has no IPv4 gateway",
          "remove it, so that the worker creates it, or create it without --internal",
          null);
    }
  }

  /** Asks the helper to seal a namespace; null if it has ended or does not answer properly. */
  private @Nullable String ask(Namespace namespace) throws EngineException {
    Helper asked = helper();
    String answer = null;
    try {
      asked.session.ask(namespace.process + " " + namespace.gateway);
      String said = asked.session.answer(patience);
      if (said != null && said.matches("(sealed|gone|failed) " + namespace.process + "(: .*)?")) {
        answer = said;
      }
      return answer;
    } finally {
      if (answer == null) {
        discard(); // a late answer would be taken for the next one
      }
    }
  }

  /** Returns the running helper; starts one if there is none, or if the rules have changed. */
  private Helper helper() throws EngineException {
    List<String> wanted = rules.get();
    if (wanted == null) {
      throw failure("the network is not known yet");
    }
    Helper known = running;
    if (known != null && known.rules.equals(wanted)) {
      return known;
    }
    discard();
    String id = helper.create(new FirewallHelper.Job.Seal(wanted));
    try {
      SealSession session = new SealSession(calls, id);
      running = new Helper(id, wanted, session);
      calls.call(Operation.START, engine -> engine.docker().startContainerCmd(id).exec());
      String said = session.answer(patience);
      if (said == null || !said.startsWith("zcbot-sandbox ready")) {
        throw failure(Objects.requireNonNullElse(said, "the helper container did not report"));
      }
    } catch (EngineException e) {
      running = null;
      helper.removeQuietly(id);
      throw e;
    }
    return Objects.requireNonNull(running);
  }

  /** Ends the helper and removes its container. */
  @Override
  public void close() {
    lock.lock();
    try {
      discard();
    } finally {
      lock.unlock();
    }
  }

  private void discard() {
    Helper known = running;
    running = null;
    if (known != null) {
      known.session.close();
      helper.removeQuietly(known.id);
    }
  }

  private static EngineException failure(String reason) {
    return EngineErrors.exception(
        Kind.UNPROTECTED,
        Operation.FIREWALL,
        "the rules in the sandbox's network namespace could not be set: "
            + EngineErrors.clean(reason),
        "check whether the image was built from sandbox-image",
        null);
  }
}
