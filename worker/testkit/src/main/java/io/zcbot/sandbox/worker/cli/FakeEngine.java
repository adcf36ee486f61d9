/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.Engine;
import io.zcbot.sandbox.worker.engine.EngineEvent;
import io.zcbot.sandbox.worker.engine.EngineException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** The part of an engine that the command line uses. */
final class FakeEngine implements Engine {
  final Map<String, Container> containers = new LinkedHashMap<>();
  final List<String> calls = new ArrayList<>();
  @Nullable EngineException failure;

  @Override
  public Optional<Container> find(String nameOrId) throws EngineException {
    fail();
    return Optional.ofNullable(containers.get(nameOrId));
  }

  @Override
  public List<Container> list() throws EngineException {
    fail();
    // Like the real one's listing: without the start's time.
    return containers.values().stream()
        .map(
            c ->
                new Container(
                    c.id(), c.name(), c.state(), c.ownership(), c.specHash(), null, null, false))
        .toList();
  }

  /** Adds a slot that a worker keeps. */
  void addSlot(String id, String slot, String workerId) {
    containers.put(
        id,
        new Container(
            id,
            "zcbot-slot-" + slot,
            Container.State.RUNNING,
            new Container.Ownership(null, slot, workerId, true),
            "spec",
            null,
            null,
            false));
  }

  @Override
  public void kill(String containerId) {
    calls.add("kill " + containerId);
  }

  @Override
  public void remove(String containerId) throws EngineException {
    if (containerId.startsWith("stuck")) {
      throw new EngineException(EngineException.Kind.TRANSIENT, "remove", "busy", null);
    }
    calls.add("remove " + containerId);
    containers.remove(containerId);
  }

  @Override
  public boolean hasRunningExec(String containerId) {
    throw new UnsupportedOperationException();
  }

  @Override
  public Duration cpuTime(String containerId) {
    throw new UnsupportedOperationException();
  }

  @Override
  public void ping() {
    throw new UnsupportedOperationException();
  }

  @Override
  public void watch(Instant since, Runnable connected, Consumer<EngineEvent> events) {
    throw new UnsupportedOperationException();
  }

  @Override
  public void close() {
    calls.add("close");
  }

  private void fail() throws EngineException {
    if (failure != null) {
      throw failure;
    }
  }
}
