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

/** Gets the engine's descriptions of containers. */
public final class Inspector {
  private final EngineCalls calls;
  private final Lookups lookups;
  private final ContainerReading reading;

  /**
   * Looks at an engine's containers.
   *
   * @param workerId the worker that asks whether they are its own
   */
  public Inspector(EngineCalls calls, Lookups lookups, String workerId) {
    this.calls = calls;
    this.lookups = lookups;
    this.reading = new ContainerReading(workerId);
  }

  /** How descriptions are read. */
  ContainerReading reading() {
    return reading;
  }

  /** Empty if there is none. */
  public Optional<Container> find(String nameOrId) throws EngineException {
    return read(nameOrId, reading::inspected);
  }

  /** What is made of the description of a container; empty if there is none. */
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

  /** All sandboxes, of every worker, in every state. */
  public List<Container> list() throws EngineException {
    return calls.call(
        Operation.LIST,
        engine -> reading.listed(engine.requests().answer(ContainerReading.LISTING)));
  }

  /** Ids of the execs that the engine still knows in it. */
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

  private byte[] inspect(String nameOrId) throws EngineException {
    return lookups.ask(Operation.INSPECT, engine -> engine.requests().inspect(nameOrId));
  }

  /** Makes something of a description as the engine sent it. */
  interface Reader<T> {
    T read(byte[] answer) throws EngineException, IOException;
  }
}
