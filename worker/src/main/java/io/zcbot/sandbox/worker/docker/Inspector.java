/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Asks the engine for its description of one container. */
final class Inspector {
  private final Lookups lookups;
  private final ContainerReading reading;

  Inspector(Lookups lookups, ContainerReading reading) {
    this.lookups = lookups;
    this.reading = reading;
  }

  /** How descriptions are read. */
  ContainerReading reading() {
    return reading;
  }

  /** Empty if there is none. */
  Optional<Container> find(String nameOrId) throws EngineException {
    return read(nameOrId, answer -> reading.ofInspect(ContainerReading.parse(answer)));
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

  /** Ids of the execs that the engine still knows in it. */
  List<String> execs(String containerId) throws EngineException {
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
