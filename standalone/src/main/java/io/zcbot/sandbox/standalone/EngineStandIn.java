/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.standalone;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URLDecoder;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ThreadLocalRandom;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.StreamSupport;
import org.jspecify.annotations.Nullable;

/**
 * Implements the part of the Docker Engine's API that the worker uses, without running containers.
 * It serves to train the JVM where there is no engine, and to measure the worker alone. Listens on
 * loopback.
 */
public final class EngineStandIn implements AutoCloseable {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Pattern VERSION = Pattern.compile("^/v[0-9.]+(?=/)");
  private static final Pattern CONTAINER = Pattern.compile("/containers/([^/]+)(?:/([a-z]+))?");
  private static final String IMAGE_ID = "sha256:" + "1".repeat(64);
  private static final String NEVER = "0001-01-01T00:00:00Z";

  /** The output of a sandbox's init, followed by that of the firewall helper. */
  private static final String READY = "zcbot-sandbox ready found=none resolvers=192.0.2.53\n";

  /** The processor time that no process of a container has taken. */
  private static final String IDLE = "{\"cpu_stats\":{\"cpu_usage\":{\"total_usage\":0}}}";

  private record Container(String id, ObjectNode description, CountDownLatch started) {}

  private final HttpServer server;
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final CountDownLatch closed = new CountDownLatch(1);
  private final Map<String, Container> byId = new ConcurrentHashMap<>();
  private final Map<String, String> idByName = new ConcurrentHashMap<>();

  private EngineStandIn(HttpServer server) {
    this.server = server;
  }

  /** Starts one on a free port. */
  public static EngineStandIn start() throws IOException {
    HttpServer server =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    EngineStandIn engine = new EngineStandIn(server);
    server.createContext("/", engine::handle);
    server.setExecutor(engine.threads);
    server.start();
    return engine;
  }

  /** For {@code DOCKER_HOST}. */
  public String address() {
    return "tcp://127.0.0.1:" + server.getAddress().getPort();
  }

  @Override
  public void close() {
    closed.countDown();
    server.stop(0);
    threads.shutdownNow();
  }

  private void handle(HttpExchange exchange) throws IOException {
    try (exchange) {
      String path =
          VERSION
              .matcher(exchange.getRequestURI().getPath())
              .replaceFirst("")
              .replaceFirst("^/+", "/");
      String request = exchange.getRequestMethod() + " " + path;
      switch (request) {
        case "GET /_ping" -> answer(exchange, 200, "OK");
        case "GET /info" -> answer(exchange, 200, info().toString());
        case "GET /version" -> answer(exchange, 200, version().toString());
        case "GET /events" -> events(exchange);
        case "GET /containers/json" -> answer(exchange, 200, list(exchange).toString());
        case "POST /containers/create" -> create(exchange);
        default -> {
          Matcher container = CONTAINER.matcher(path);
          if (request.startsWith("GET /networks/")) {
            answer(exchange, 200, network(path.substring("/networks/".length())).toString());
          } else if (request.startsWith("GET /images/")) {
            answer(exchange, 200, image().toString());
          } else if (container.matches()) {
            onContainer(exchange, find(container.group(1)), container.group(2));
          } else {
            answer(
                exchange,
                404,
                message("the stand-in for the engine does not implement " + request));
          }
        }
      }
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }

  private void onContainer(
      HttpExchange exchange, @Nullable Container container, @Nullable String action)
      throws IOException, InterruptedException {
    if (container == null) {
      answer(exchange, 404, message("No such container"));
      return;
    }
    String request = exchange.getRequestMethod() + " " + action;
    switch (request) {
      case "GET json" -> answer(exchange, 200, container.description.toString());
      case "GET stats" -> answer(exchange, 200, IDLE);
      case "POST attach" -> attach(exchange, container);
      case "POST start" -> {
        state(container, "running");
        container.started.countDown();
        answer(exchange, 204, "");
      }
      case "POST kill" -> {
        state(container, "exited");
        answer(exchange, 204, "");
      }
      case "DELETE null" -> {
        byId.remove(container.id);
        idByName.values().remove(container.id);
        answer(exchange, 204, "");
      }
      default ->
          answer(
              exchange, 404, message("the stand-in for the engine does not implement " + request));
    }
  }

  private @Nullable Container find(String nameOrId) {
    return byId.get(idByName.getOrDefault(nameOrId, nameOrId));
  }

  private void create(HttpExchange exchange) throws IOException {
    ObjectNode config = (ObjectNode) JSON.readTree(exchange.getRequestBody());
    JsonNode host = config.remove("HostConfig");
    config.remove("NetworkingConfig");
    byte[] random = new byte[32];
    ThreadLocalRandom.current().nextBytes(random);
    String id = HexFormat.of().formatHex(random);
    String name = query(exchange, "name", id.substring(0, 12));
    if (idByName.putIfAbsent(name, id) != null) {
      answer(exchange, 409, message("Conflict. The container name \"/" + name + "\" is in use"));
      return;
    }
    ObjectNode description = JSON.createObjectNode();
    description.put("Id", id).put("Name", "/" + name).put("Image", IMAGE_ID);
    description.set("Config", config);
    description.set("HostConfig", host);
    description.putArray("Mounts");
    description
        .putObject("NetworkSettings")
        .putObject("Networks")
        .putObject(host.path("NetworkMode").asText("bridge"));
    Container container = new Container(id, description, new CountDownLatch(1));
    state(container, "created");
    byId.put(id, container);
    answer(exchange, 201, JSON.createObjectNode().put("Id", id).toString());
  }

  private static void state(Container container, String status) {
    ObjectNode state = JSON.createObjectNode();
    state.put("Status", status).put("ExitCode", status.equals("exited") ? 137 : 0);
    state.put("OOMKilled", false);
    state.put("StartedAt", status.equals("created") ? NEVER : Instant.now().toString());
    // replaced as a whole: others read the description meanwhile
    container.description.set("State", state);
  }

  private static void attach(HttpExchange exchange, Container container)
      throws IOException, InterruptedException {
    exchange.getResponseHeaders().set("Content-Type", "application/vnd.docker.raw-stream");
    exchange.sendResponseHeaders(200, 0);
    OutputStream out = exchange.getResponseBody();
    out.flush();
    container.started.await();
    byte[] line = READY.getBytes(StandardCharsets.UTF_8);
    out.write(ByteBuffer.allocate(8).putInt(1 << 24).putInt(line.length).array());
    out.write(line);
  }

  /** Nothing happens here except what the worker did itself. */
  private void events(HttpExchange exchange) throws IOException, InterruptedException {
    exchange.sendResponseHeaders(200, 0);
    exchange.getResponseBody().flush();
    closed.await();
  }

  private JsonNode list(HttpExchange exchange) throws IOException {
    JsonNode labels = JSON.readTree(query(exchange, "filters", "{}")).path("label");
    List<String> wanted =
        labels.isObject()
            ? List.copyOf(labels.propertyStream().map(Map.Entry::getKey).toList())
            : StreamSupport.stream(labels.spliterator(), false).map(JsonNode::asText).toList();
    var list = JSON.createArrayNode();
    for (Container each : byId.values()) {
      JsonNode has = each.description.path("Config").path("Labels");
      if (wanted.stream()
          .map(label -> label.split("=", 2))
          .allMatch(label -> has.path(label[0]).asText().equals(label[1]))) {
        ObjectNode listed = list.addObject();
        listed.put("Id", each.id);
        listed.putArray("Names").add(each.description.path("Name").asText());
        listed.set("Labels", has);
        listed.put("State", each.description.path("State").path("Status").asText());
      }
    }
    return list;
  }

  private static JsonNode info() {
    ObjectNode info = JSON.createObjectNode();
    info.put("KernelVersion", System.getProperty("os.version")).put("CgroupVersion", "2");
    info.putArray("SecurityOptions").add("name=seccomp,profile=builtin").add("name=cgroupns");
    info.putObject("Runtimes").putObject("runc").put("path", "runc");
    info.put("DefaultRuntime", "runc").put("DockerRootDir", "/nowhere").put("Driver", "overlay2");
    info.put("MemoryLimit", true).put("SwapLimit", true);
    info.put("CpuCfsQuota", true).put("PidsLimit", true);
    info.put("NCPU", Runtime.getRuntime().availableProcessors());
    return info.put("SystemTime", Instant.now().toString());
  }

  private static JsonNode version() {
    return JSON.createObjectNode().put("Version", "0.0.0-stand-in").put("ApiVersion", "1.45");
  }

  private static JsonNode network(String name) {
    ObjectNode network = JSON.createObjectNode();
    network.put("Id", "2".repeat(64)).put("Name", name).put("Driver", "bridge");
    network.putObject("Options").put("com.docker.network.bridge.enable_icc", "false");
    network.putObject("IPAM").putArray("Config").addObject().put("Subnet", "192.0.2.0/24");
    return network;
  }

  private static JsonNode image() {
    ObjectNode image = JSON.createObjectNode().put("Id", IMAGE_ID);
    image.putObject("Config").putArray("Entrypoint").add("/usr/local/sbin/zcbot-init");
    return image;
  }

  private static String message(String text) {
    return JSON.createObjectNode().put("message", text).toString();
  }

  private static String query(HttpExchange exchange, String key, String otherwise) {
    String query = exchange.getRequestURI().getRawQuery();
    for (String pair : query == null ? new String[0] : query.split("&")) {
      if (pair.startsWith(key + "=")) {
        return URLDecoder.decode(pair.substring(key.length() + 1), StandardCharsets.UTF_8);
      }
    }
    return otherwise;
  }

  private static void answer(HttpExchange exchange, int status, String body) throws IOException {
    byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
    exchange.getResponseHeaders().set("Content-Type", "application/json");
    exchange.sendResponseHeaders(status, bytes.length == 0 ? -1 : bytes.length);
    if (bytes.length > 0) {
      exchange.getResponseBody().write(bytes);
    }
  }
}
