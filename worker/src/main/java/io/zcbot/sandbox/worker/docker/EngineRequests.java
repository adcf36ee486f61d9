/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JsonNode;
import com.github.dockerjava.api.exception.InternalServerErrorException;
import com.github.dockerjava.core.AbstractDockerCmdExecFactory;
import com.github.dockerjava.core.DefaultDockerCmdExecFactory;
import com.github.dockerjava.core.DockerClientConfig;
import com.github.dockerjava.core.WebTarget;
import com.github.dockerjava.core.util.FiltersEncoder;
import com.github.dockerjava.transport.DockerHttpClient;
import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.Method;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * The requests docker-java answers to callbacks only, from a thread of its own which nothing stops
 * while the engine has not begun to answer. Here they block, and an interrupt ends them.
 */
final class EngineRequests {
  private final WebTarget engine;

  EngineRequests(DockerClientConfig config, DockerHttpClient http) {
    DefaultDockerCmdExecFactory factory =
        new DefaultDockerCmdExecFactory(http, config.getObjectMapper());
    factory.init(config);
    this.engine = baseOf(factory);
  }

  /**
   * What the container's first process writes, in frames.
   *
   * @param fromStart whether to begin with what it has already written
   */
  InputStream attach(String containerId, boolean fromStart) {
    return container(containerId, "attach")
        .queryParam("stream", 1)
        .queryParam("stdout", 1)
        .queryParam("stderr", 1)
        .queryParam("logs", fromStart ? 1 : 0)
        .request()
        .post(null);
  }

  /** Events from an instant on, one JSON object after another. */
  InputStream events(Instant since, Map<String, List<String>> filters) {
    return engine
        .path("/events")
        .queryParam(
            "since", String.format(Locale.ROOT, "%d.%09d", since.getEpochSecond(), since.getNano()))
        .queryParam("filters", FiltersEncoder.jsonEncode(filters))
        .request()
        .get();
  }

  /** All that the engine tells of a container, a JSON object, as it was sent. */
  byte[] inspect(String nameOrId) throws IOException {
    try (InputStream answer = container(nameOrId, "json").request().get()) {
      return answer.readAllBytes();
    }
  }

  /** What the engine says under a path of its own, such as {@code /info}. */
  JsonNode get(String path) {
    return engine.path(path).request().get(new TypeReference<JsonNode>() {});
  }

  /** Returns the container's exit code once it no longer runs. */
  long awaitEnd(String containerId) throws IOException {
    return await(containerId, "not-running");
  }

  /** Returns once the container is removed. */
  void awaitRemoved(String containerId) throws IOException {
    await(containerId, "removed");
  }

  private long await(String containerId, String condition) throws IOException {
    JsonNode answer =
        container(containerId, "wait")
            .queryParam("condition", condition)
            .request()
            .post(null, new TypeReference<JsonNode>() {});
    String error = answer.path("Error").path("Message").asText();
    if (!error.isEmpty()) {
      throw new InternalServerErrorException(EngineErrors.bodyOf(error));
    }
    if (!answer.path("StatusCode").isIntegralNumber()) {
      throw new IOException("the engine waited for a container and told no exit code");
    }
    return answer.path("StatusCode").longValue();
  }

  private WebTarget container(String id, String what) {
    return engine.path("/containers/{id}/" + what).resolveTemplate("id", id);
  }

  /**
   * Through the back door, since the front one (DockerHttpClient.Request) can't be compiled against
   * without warnings: it carries annotations of a library that docker-java does not bring along.
   */
  private static WebTarget baseOf(DefaultDockerCmdExecFactory factory) {
    try {
      Method method = AbstractDockerCmdExecFactory.class.getDeclaredMethod("getBaseResource");
      method.setAccessible(true);
      return (WebTarget) method.invoke(factory);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("this version of docker-java is not the one built for", e);
    }
  }
}
