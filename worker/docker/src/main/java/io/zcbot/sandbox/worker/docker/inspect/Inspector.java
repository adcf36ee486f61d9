/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.inspect;

import io.zcbot.sandbox.worker.docker.api.EngineCalls;
import io.zcbot.sandbox.worker.docker.api.Lookups;
import io.zcbot.sandbox.worker.docker.api.Operation;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Gets the engine's descriptions of containers. Thread-safe; calls block. */
public final class Inspector {
  private final EngineCalls calls;
  private final Lookups lookups;
  private final ContainerReading reading;

  /**
   * Creates an inspector of an engine's containers.
   *
   * @param workerId the worker for which ownership is determined
   */
  public Inspector(EngineCalls calls, Lookups lookups, String workerId) {
    this.calls = calls;
    this.lookups = lookups;
    this.reading = new ContainerReading(workerId);
  }

  /** The parser of descriptions. */
  ContainerReading reading() {
    return reading;
  }

  /** Looks a container up by name or id; empty if there is none. */
  public Optional<Container> find(String nameOrId) throws EngineException {
    return read(nameOrId, reading::inspected);
  }

  /**
   * Inspects a container and returns what the reader makes of the description; empty if there is
   * none.
   *
   * @throws EngineException also if the reader can't parse the description
   */
  <T> Optional<T> read(String nameOrId, Reader<T> reader) throws EngineException {
    byte[] answer;
    try {
      answer = inspect(nameOrId);
    } catch (EngineException e) {
      if (e.kind() == Kind.ABSENT) {
        return Optional.empty();
      }
      throw e;
    }
    try {
      return Optional.of(reader.read(answer));
    } catch (IOException e) {
      throw lookups.failure(Operation.INSPECT, e);
    }
  }

  /** Lists all sandboxes and slots, of all workers and in all states. */
  public List<Container> list() throws EngineException {
    return calls.call(
        Operation.LIST,
        engine -> reading.listed(engine.requests().answer(ContainerReading.LISTING)));
  }

  /** Returns the ids of the execs that the engine still knows in a container, running or not. */
  public List<String> execs(String containerId) throws EngineException {
    try {
      List<String> ids = new ArrayList<>();
      ContainerReading.parse(inspect(containerId))
          .path("ExecIDs")
          .forEach(id -> ids.add(id.asText()));
      return ids;
    } catch (IOException e) {
      throw lookups.failure(Operation.INSPECT, e);
    }
  }

  /** Returns the OCI runtime of a container. */
  public String runtime(String containerId) throws EngineException {
    try {
      return ContainerReading.parse(inspect(containerId))
          .path("HostConfig")
          .path("Runtime")
          .asText("");
    } catch (IOException e) {
      throw lookups.failure(Operation.INSPECT, e);
    }
  }

  private byte[] inspect(String nameOrId) throws EngineException {
    return lookups.ask(Operation.INSPECT, engine -> engine.requests().inspect(nameOrId));
  }

  /** Parses a description as the engine sent it. */
  interface Reader<T> {
    T read(byte[] answer) throws EngineException, IOException;
  }
}
