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
import io.zcbot.sandbox.worker.docker.host.RunnerProbe;
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

/**
 * Starts a container, sets the rules in its network namespace, and waits until its init reports
 * that the firewall is in force. A container whose init does not report in time is killed.
 * Thread-safe; calls block.
 */
public final class ContainerStart {
  private static final Logger log = LoggerFactory.getLogger(ContainerStart.class);
  private static final Duration EXIT_PATIENCE = Duration.ofSeconds(5);

  private final EngineCalls calls;
  private final @Nullable NamespaceSeal seal;
  private final Duration readyTimeout;

  /**
   * Creates what starts containers.
   *
   * @param seal null where the worker sets no rules in sandboxes' network namespaces
   * @param readyTimeout maximum time between a container's start and its ready line
   */
  public ContainerStart(EngineCalls calls, @Nullable NamespaceSeal seal, Duration readyTimeout) {
    this.calls = calls;
    this.seal = seal;
    this.readyTimeout = readyTimeout;
  }

  /** Starts a sandbox and returns when its init has reported that the firewall is in force. */
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
   * Starts a slot and returns when it is ready, which requires that it sees the probe.
   *
   * @param onceRunning mounts the probe; called after the start, before the ready line is awaited
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
   * Starts the container and seals its network namespace, for which its init waits. If the
   * container already ran, its ready line may have been missed and is stored nowhere. Then it is
   * unknown whether the firewall is in force, so the container is killed and the caller creates it
   * again.
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

  /** Starts the container; returns false if it already ran. */
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

  /** Waits for init's result. Any result but ready becomes an exception. */
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
      case Verdict.Failed failed when failed.code() == FailureCode.FILTER ->
          throw EngineErrors.exception(
              // the budget may have room again later
              Kind.TRANSIENT,
              Operation.START,
              "the runner does not serve without its filter of system calls: "
                  + EngineErrors.clean(failed.reason()),
              RunnerProbe.Filter.FIX,
              null);
      case Verdict.Failed failed ->
          throw EngineErrors.exception(
              // worth another try only for the host's rules, which are set again before that
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
   * Explains that the output ended before the ready line. An init that ended by itself would do so
   * again, so that is not retryable. An exit code above 128 means that it was killed, for example
   * because the engine shut down, and is retryable.
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

  /** Kills a container that is not ready, so that it is not taken for a ready sandbox later. */
  private void killUnready(String containerId) {
    try {
      calls.call(Operation.KILL, engine -> engine.docker().killContainerCmd(containerId).exec());
    } catch (EngineException e) {
      log.warn("Could not kill container {}, which is not ready: {}", containerId, e.getMessage());
    }
  }
}
