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
 * Requests that docker-java answers only through callbacks, on a thread that can't be stopped until
 * the engine begins to answer. Here they block the calling thread, and an interrupt ends them.
 */
public final class EngineRequests implements Closeable {
  private final DockerHttpClient http;
  private final ObjectMapper json;
  private final String base;
  private final Hijacking hijacking;

  /** Null unless the engine is on a Unix socket of this host. */
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

  /**
   * Attaches to a container's output, in the engine's frames, from now on. The caller closes it.
   */
  public InputStream attach(String containerId) throws IOException {
    return send(Method.POST, container(containerId, "attach") + "?stream=1&stdout=1&stderr=1");
  }

  /**
   * Attaches to a container's output and standard input. The input is not ended when the output is
   * closed.
   *
   * @param input read by another thread until its end, and sent to the container
   */
  public InputStream attach(String containerId, InputStream input) throws IOException {
    return hijacking.post(
        base + container(containerId, "attach") + "?stream=1&stdin=1&stdout=1&stderr=1", "", input);
  }

  /**
   * Starts an exec and returns its output in the engine's frames.
   *
   * @param input read by another thread until its end, and sent as standard input
   */
  public InputStream startExec(String execId, InputStream input) throws IOException {
    return hijacking.post(
        base + "/exec/" + escaped(execId) + "/start", "{\"Detach\":false,\"Tty\":false}", input);
  }

  /** Returns the files of a container as an archive. The caller closes it. */
  public InputStream export(String containerId) throws IOException {
    return send(Method.GET, container(containerId, "export"));
  }

  /** Returns a directory of a container, with what is mounted there, as an archive. */
  public InputStream archive(String containerId, String path) throws IOException {
    return send(Method.GET, container(containerId, "archive") + "?path=" + escaped(path));
  }

  /** Streams the engine's events since an instant, as a sequence of JSON objects. */
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

  /** Returns the engine's description of a container, the JSON object as it was sent. */
  public byte[] inspect(String nameOrId) throws IOException {
    String target = container(nameOrId, "json");
    return plain == null ? answer(target) : plain.ask(base + target);
  }

  /** Returns the response to a GET of an API path, as it was sent. */
  public byte[] answer(String path) throws IOException {
    try (InputStream answer = send(Method.GET, path)) {
      return answer.readAllBytes();
    }
  }

  /**
   * Returns the CPU time that a container has used so far. The engine takes one sample only, not
   * the second one that rates need and that takes longer.
   */
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

  /** Returns the parsed response to a GET of an API path, such as {@code /info}. */
  public JsonNode get(String path) throws IOException {
    return read(send(Method.GET, path));
  }

  /** Blocks until the container no longer runs, and returns its exit code. */
  public long awaitEnd(String containerId) throws IOException {
    return await(containerId, "not-running");
  }

  /** Blocks until the container is removed. */
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

  /**
   * Sends a request and returns the response's body as soon as the engine begins to answer with a
   * success. The caller closes it.
   */
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

  /**
   * Closes the connections that stream standard input. All others are closed by the docker-java
   * client.
   */
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

  /** A response body that closes the response when it is closed. */
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
