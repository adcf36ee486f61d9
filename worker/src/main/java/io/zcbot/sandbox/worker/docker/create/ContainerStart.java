/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.create;

import com.github.dockerjava.api.exception.NotModifiedException;
import io.zcbot.sandbox.worker.docker.api.EngineCalls;
import io.zcbot.sandbox.worker.docker.api.EngineErrors;
import io.zcbot.sandbox.worker.docker.api.Operation;
import io.zcbot.sandbox.worker.docker.firewall.NamespaceSeal;
import io.zcbot.sandbox.worker.docker.init.FailureCode;
import io.zcbot.sandbox.worker.docker.init.InitOutput.Verdict;
import io.zcbot.sandbox.worker.docker.init.ReadyGate;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import io.zcbot.sandbox.worker.engine.SlotEngine.OnceRunning;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Starts a container and waits for its ready line. */
public final class ContainerStart {
  private static final Logger log = LoggerFactory.getLogger(ContainerStart.class);
  private static final Duration EXIT_PATIENCE = Duration.ofSeconds(5);

  private final EngineCalls calls;
  private final @Nullable NamespaceSeal seal;
  private final Duration readyTimeout;

  /**
   * Starts containers.
   *
   * @param seal null where the worker sets no rules in their network namespaces
   * @param readyTimeout most time between a container's start and its ready line
   */
  public ContainerStart(EngineCalls calls, @Nullable NamespaceSeal seal, Duration readyTimeout) {
    this.calls = calls;
    this.seal = seal;
    this.readyTimeout = readyTimeout;
  }

  void run(String containerId) throws EngineException {
    try (ReadyGate gate = ReadyGate.open(calls, containerId)) {
      startOnce(containerId);
      if (!(await(gate, containerId) instanceof Verdict.Ready)) {
        throw EngineErrors.exception(
            Kind.REJECTED, Operation.START, "init treats the container as a slot", "", null);
      }
    }
  }

  /**
   * The same for a slot's, which is ready only once it sees the probe.
   *
   * @param onceRunning called between the start and the ready line
   */
  void runSlot(String containerId, OnceRunning onceRunning) throws EngineException, IOException {
    try (ReadyGate gate = ReadyGate.open(calls, containerId)) {
      startOnce(containerId);
      onceRunning.run();
      if (!(await(gate, containerId) instanceof Verdict.SlotReady)) {
        throw EngineErrors.exception(
            Kind.REJECTED,
            Operation.START,
            "the image's init does not support slots",
            "build the image from sandbox-image",
            null);
      }
    }
  }

  /**
   * Starts it. If it ran already, what its init said may have passed, and is kept nowhere: nobody
   * can tell whether it is ready, so it ends, and is made again. Its init waits for the seal.
   */
  private void startOnce(String containerId) throws EngineException {
    if (!start(containerId)) {
      killUnready(containerId);
      throw EngineErrors.exception(
          Kind.TRANSIENT,
          Operation.START,
          "the container ran already, so nobody saw whether its firewall is in force",
          "",
          null);
    }
    if (seal != null) {
      seal.set(containerId);
    }
  }

  /** Whether it was this call that started it. */
  private boolean start(String containerId) throws EngineException {
    return calls.call(
        Operation.START,
        engine -> {
          try {
            engine.docker().startContainerCmd(containerId).exec();
            return true;
          } catch (NotModifiedException e) {
            return false;
          }
        });
  }

  /** One that says ready; others become exceptions. */
  private Verdict await(ReadyGate gate, String containerId) throws EngineException {
    Verdict verdict;
    try {
      verdict = gate.await(readyTimeout);
    } catch (TimeoutException e) {
      killUnready(containerId);
      throw EngineErrors.exception(
          Kind.TRANSIENT,
          Operation.START,
          "init did not report within "
              + EngineCalls.seconds(readyTimeout)
              + " that the firewall is in force",
          "check whether the host is overloaded, and whether the image was built from"
              + " sandbox-image",
          e);
    }
    return switch (verdict) {
      case Verdict.Ready ready -> ready;
      case Verdict.SlotReady ready -> ready;
      case Verdict.Failed failed when failed.code() == FailureCode.OWNER ->
          throw EngineErrors.exception(
              Kind.REJECTED,
              Operation.START,
              EngineErrors.clean(failed.reason()),
              "make the workspace root a shared mount of the engine's host that the worker sees as"
                  + " such (compose.warm.yaml does), or set ZCBOT_SANDBOX_UIDS=shared",
              null);
      case Verdict.Failed failed ->
          throw EngineErrors.exception(
              // the host's rules are set again before the next try, init's own would fail again
              failed.code() == FailureCode.HOST_RULES ? Kind.UNPROTECTED : Kind.FIREWALL,
              Operation.START,
              "init could not put the firewall in force: " + EngineErrors.clean(failed.reason()),
              "",
              null);
      case Verdict.Silent silent ->
          throw endedUnready(containerId, EngineErrors.clean(silent.last()));
    };
  }

  /**
   * The output ended before the ready line. If that is init's own doing, it would do so again; but
   * an engine that goes away also ends its streams and kills its containers.
   */
  private EngineException endedUnready(String containerId, String last) throws EngineException {
    long exitCode =
        calls.call(
            Operation.WAIT, EXIT_PATIENCE, engine -> engine.requests().awaitEnd(containerId));
    String problem =
        "init ended (exit code "
            + exitCode
            + ") before the firewall was in force"
            + (last.isEmpty() ? ", without output" : ", its last output: " + last);
    if (exitCode > 128) {
      return EngineErrors.exception(Kind.TRANSIENT, Operation.START, problem, "", null);
    }
    if (exitCode == 126 || exitCode == 127) {
      return EngineErrors.exception(
          Kind.REJECTED,
          Operation.START,
          problem,
          "the image's entry point can't be executed: build the image from sandbox-image",
          null);
    }
    return EngineErrors.exception(
        Kind.FIREWALL,
        Operation.START,
        problem,
        "check whether the image was built from sandbox-image",
        null);
  }

  /** Lest it be taken for a sandbox that is ready. */
  private void killUnready(String containerId) {
    try {
      calls.call(Operation.KILL, engine -> engine.docker().killContainerCmd(containerId).exec());
    } catch (EngineException e) {
      log.warn("Could not kill container {}, which is not ready: {}", containerId, e.getMessage());
    }
  }
}
