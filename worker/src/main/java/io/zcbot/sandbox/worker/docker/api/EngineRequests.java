/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.api;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.github.dockerjava.api.exception.DockerException;
import com.github.dockerjava.core.DockerClientConfig;
import com.github.dockerjava.core.RemoteApiVersion;
import com.github.dockerjava.core.util.FiltersEncoder;
import com.github.dockerjava.transport.DockerHttpClient;
import com.github.dockerjava.transport.DockerHttpClient.Request;
import com.github.dockerjava.transport.DockerHttpClient.Request.Method;
import com.github.dockerjava.transport.DockerHttpClient.Response;
import java.io.Closeable;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The requests that docker-java answers only by callbacks, from a thread that cannot be stopped
 * before the engine begins to answer. Here they block, and an interrupt ends them.
 */
public final class EngineRequests implements Closeable {
  private final DockerHttpClient http;
  private final ObjectMapper json;
  private final String base;
  private final Hijacking hijacking;

  /** Null where the engine is not on a socket of this host. */
  private final @Nullable PlainRequests plain;

  EngineRequests(DockerClientConfig config, DockerHttpClient http, Duration patience) {
    this.plain =
        "unix".equals(config.getDockerHost().getScheme())
            ? new PlainRequests(config.getDockerHost(), patience)
            : null;
    this.http = http;
    this.json = config.getObjectMapper();
    this.hijacking = new Hijacking(new EngineSocket(config.getDockerHost(), config.getSSLConfig()));
    RemoteApiVersion version = config.getApiVersion();
    this.base =
        version.equals(RemoteApiVersion.UNKNOWN_VERSION) ? "" : "/" + version.asWebPathPart();
  }

  /** What the container's first process writes from now on, in frames. */
  public InputStream attach(String containerId) throws IOException {
    return send(Method.POST, container(containerId, "attach") + "?stream=1&stdout=1&stderr=1");
  }

  /**
   * The same, and a stream becomes its standard input. The answer's end does not end that.
   *
   * @param input sent by a thread of its own, to its end
   */
  public InputStream attach(String containerId, InputStream input) throws IOException {
    return hijacking.post(
        base + container(containerId, "attach") + "?stream=1&stdin=1&stdout=1&stderr=1", "", input);
  }

  /** Starts a command that was created, with a stream as its standard input, in frames as well. */
  public InputStream startExec(String execId, InputStream input) throws IOException {
    return hijacking.post(
        base + "/exec/" + escaped(execId) + "/start", "{\"Detach\":false,\"Tty\":false}", input);
  }

  /** Events from an instant on, one JSON object after another. */
  public InputStream events(Instant since, Map<String, List<String>> filters) throws IOException {
    return send(
        Method.GET,
        String.format(
            Locale.ROOT,
            "/events?since=%d.%09d&filters=%s",
            since.getEpochSecond(),
            since.getNano(),
            escaped(FiltersEncoder.jsonEncode(filters))));
  }

  /** All that the engine tells of a container, a JSON object, as it was sent. */
  public byte[] inspect(String nameOrId) throws IOException {
    String target = container(nameOrId, "json");
    return plain == null ? answer(target) : plain.ask(base + target);
  }

  /** What the engine says under a path of its own, as it was sent. */
  public byte[] answer(String path) throws IOException {
    try (InputStream answer = send(Method.GET, path)) {
      return answer.readAllBytes();
    }
  }

  /** The processor time that a container has taken, without the second look that rates need. */
  public Duration cpuTime(String containerId) throws IOException {
    JsonNode time =
        get(container(containerId, "stats") + "?stream=false&one-shot=true")
            .path("cpu_stats")
            .path("cpu_usage")
            .path("total_usage");
    if (!time.isIntegralNumber()) {
      throw new IOException("the engine did not tell the processor time of a container");
    }
    return Duration.ofNanos(time.longValue());
  }

  /** What the engine says under a path of its own, such as {@code /info}. */
  public JsonNode get(String path) throws IOException {
    return read(send(Method.GET, path));
  }

  /** Returns the container's exit code once it no longer runs. */
  public long awaitEnd(String containerId) throws IOException {
    return await(containerId, "not-running");
  }

  /** Returns once the container is removed. */
  public void awaitRemoved(String containerId) throws IOException {
    await(containerId, "removed");
  }

  private long await(String containerId, String condition) throws IOException {
    JsonNode answer =
        read(send(Method.POST, container(containerId, "wait") + "?condition=" + condition));
    String error = answer.path("Error").path("Message").asText();
    if (!error.isEmpty()) {
      throw new DockerException(EngineErrors.bodyOf(error), 500);
    }
    if (!answer.path("StatusCode").isIntegralNumber()) {
      throw new IOException("the engine waited for a container but returned no exit code");
    }
    return answer.path("StatusCode").longValue();
  }

  private JsonNode read(InputStream answer) throws IOException {
    try (answer) {
      return json.readValue(answer, JsonNode.class);
    }
  }

  /** Returns the body of a success, to be closed, as soon as the engine has begun to answer. */
  private InputStream send(Method method, String target) throws IOException {
    Response response = http.execute(Request.builder().method(method).path(base + target).build());
    int status = response.getStatusCode();
    if (status >= 200 && status < 300) {
      return new Body(response);
    }
    try (response) {
      byte[] body = response.getBody().readAllBytes();
      throw new DockerException(new String(body, StandardCharsets.UTF_8), status);
    }
  }

  /** Ends the streams to standard inputs. The others end with docker-java's client. */
  @Override
  public void close() throws IOException {
    hijacking.close();
  }

  private static String container(String nameOrId, String what) {
    return "/containers/" + escaped(nameOrId) + "/" + what;
  }

  private static String escaped(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
  }

  /** Closes its response with itself. */
  private static final class Body extends FilterInputStream {
    private final Response response;

    Body(Response response) {
      super(response.getBody());
      this.response = response;
    }

    @Override
    public void close() throws IOException {
      try (response) {
        super.close();
      }
    }
  }
}
