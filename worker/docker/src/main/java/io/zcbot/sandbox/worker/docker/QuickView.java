/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import com.github.dockerjava.api.exception.DockerException;
import io.zcbot.sandbox.worker.docker.api.PlainRequests;
import io.zcbot.sandbox.worker.docker.inspect.ContainerReading;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineView;
import java.io.IOException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A view of an engine for a command line tool that asks once. Uses {@link PlainRequests}, which
 * need no docker-java client. If a plain request fails for any reason, the client is created and
 * asked instead, because only the client can classify failures.
 */
public final class QuickView implements EngineView {
  private final PlainRequests requests;
  private final ContainerReading reading;
  private final Supplier<? extends EngineView> clients;
  private @Nullable EngineView client;

  /**
   * Creates the view without connecting.
   *
   * @param workerId the worker for which containers are classified as its own
   * @param clients creates the client, called at most once and only if a plain request fails
   */
  public QuickView(
      PlainRequests requests, String workerId, Supplier<? extends EngineView> clients) {
    this.requests = requests;
    this.reading = new ContainerReading(workerId);
    this.clients = clients;
  }

  @Override
  public Optional<Container> find(String nameOrId) throws EngineException {
    try {
      String name = URLEncoder.encode(nameOrId, StandardCharsets.UTF_8);
      return Optional.of(reading.inspected(requests.get("/containers/" + name + "/json")));
    } catch (IOException | DockerException e) {
      return client().find(nameOrId);
    }
  }

  @Override
  public List<Container> list() throws EngineException {
    try {
      return reading.listed(requests.get(ContainerReading.LISTING));
    } catch (IOException | DockerException e) {
      return client().list();
    }
  }

  private synchronized EngineView client() {
    if (client == null) {
      client = clients.get();
    }
    return client;
  }

  @Override
  public synchronized void close() {
    if (client != null) {
      client.close();
    }
  }
}
