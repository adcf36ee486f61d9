/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import io.zcbot.sandbox.events.UserId;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;

/**
 * A connection for all users of a process: one producer and one consumer, whatever their number.
 * Make one and keep it; any thread may use it.
 *
 * <pre>{@code
 * try (SandboxClient client = SandboxClient.connect("127.0.0.1:9092")) {
 *   System.out.print(client.sandbox(user).run("python3", "-c", "print(6*7)").stdout());
 * }
 * }</pre>
 *
 * <p>It is in no consumer group. It reads the partitions of the users for whom somebody waits, from
 * their ends on, or a topic of its own ({@link ClientOptions#replyTopic}).
 */
public final class SandboxClient implements AutoCloseable {
  private final Connection connection;

  private SandboxClient(Connection connection) {
    this.connection = connection;
  }

  /** Connects to brokers without encryption and authentication, such as {@code 127.0.0.1:9092}. */
  public static SandboxClient connect(String bootstrapServers) {
    return connect(Map.of("bootstrap.servers", bootstrapServers), ClientOptions.defaults());
  }

  /** Connects with the properties of a Kafka client. */
  public static SandboxClient connect(Properties kafka) {
    Map<String, Object> properties = new HashMap<>();
    kafka.stringPropertyNames().forEach(name -> properties.put(name, kafka.getProperty(name)));
    return connect(properties, ClientOptions.defaults());
  }

  /**
   * Connects. That the brokers are reached shows at the first request.
   *
   * @param kafka properties of a Kafka client, such as {@code bootstrap.servers}, {@code
   *     security.protocol} and {@code sasl.jaas.config}; those on which the contract relies are set
   *     by this client
   */
  public static SandboxClient connect(Map<String, ?> kafka, ClientOptions options) {
    return new SandboxClient(new Connection(new KafkaSettings(kafka), options));
  }

  /** A user's sandbox, whether it runs or not. */
  public Sandbox sandbox(UserId user) {
    return new Sandbox(connection, user);
  }

  /**
   * A user's sandbox, whether it runs or not.
   *
   * @param user a UUID in lower case
   * @throws InvalidRequestException if it is none
   */
  public Sandbox sandbox(String user) {
    try {
      return sandbox(UserId.parse(user));
    } catch (IllegalArgumentException e) {
      throw new InvalidRequestException("user_id", "user_id: " + e.getMessage());
    }
  }

  /** Ends all waits. What runs in sandboxes goes on. */
  @Override
  public void close() {
    connection.close();
  }
}
