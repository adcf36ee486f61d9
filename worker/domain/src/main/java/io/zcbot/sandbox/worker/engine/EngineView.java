/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.engine;

import java.util.List;
import java.util.Optional;

/** Read access to the containers on an engine. Every call blocks and has a deadline. */
public interface EngineView extends AutoCloseable {
  /**
   * Looks up a container by its name or id; empty if there is none. Its labels are not verified.
   */
  Optional<Container> find(String nameOrId) throws EngineException;

  /** All sandboxes on the engine, of every worker, in every state. */
  List<Container> list() throws EngineException;

  @Override
  void close();
}
