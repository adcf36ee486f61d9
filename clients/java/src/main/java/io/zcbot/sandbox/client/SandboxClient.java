/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import io.zcbot.sandbox.events.CurrentSandbox;
import io.zcbot.sandbox.events.UserId;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import java.util.function.Predicate;

/**
 * A connection for all users of a process, with one producer and one consumer regardless of the
 * number of users. Create one instance and keep it. Safe for concurrent use.
 *
 * <pre>{@code
 * try (SandboxClient client = SandboxClient.connect("127.0.0.1:9092")) {
 *   System.out.print(client.sandbox(user).run("python3", "-c", "print(6*7)").stdout());
 * }
 * }</pre>
 *
 * <p>The client joins no consumer group. It reads only the partitions of the users for whom
 * somebody waits, each from its end, or a reply topic ({@link ClientOptions#replyTopic}).
 */
public final class SandboxClient implements AutoCloseable {
  private final KafkaSettings kafka;
  private final Connection connection;

  private SandboxClient(KafkaSettings kafka, ClientOptions options) {
    this.kafka = kafka;
    this.connection = new Connection(kafka, options);
  }

  /**
   * Connects to brokers without encryption and authentication, with default options. Does not wait
   * for the brokers: if none is reached within 10 s of a request, that throws {@link
   * KafkaUnreachableException}.
   *
   * @param bootstrapServers addresses of brokers, such as {@code 127.0.0.1:9092}
   * @throws KafkaUnreachableException if no broker's name resolves
   * @throws org.apache.kafka.common.KafkaException if the addresses are not valid
   */
  public static SandboxClient connect(String bootstrapServers) {
    return connect(Map.of("bootstrap.servers", bootstrapServers), ClientOptions.defaults());
  }

  /**
   * Connects with properties of a Kafka client and default options, as {@link #connect(Map,
   * ClientOptions)} does.
   */
  public static SandboxClient connect(Properties kafka) {
    Map<String, Object> properties = new HashMap<>();
    kafka.stringPropertyNames().forEach(name -> properties.put(name, kafka.getProperty(name)));
    return connect(properties, ClientOptions.defaults());
  }

  /**
   * Connects. Does not wait for the brokers: if none is reached within 10 s of a request, that
   * throws {@link KafkaUnreachableException}.
   *
   * @param kafka properties of a Kafka client, such as {@code bootstrap.servers}, {@code
   *     security.protocol} and {@code sasl.jaas.config}; properties on which the contract relies
   *     are replaced by the client's
   * @throws InvalidRequestException if {@code bootstrap.servers} is missing
   * @throws KafkaUnreachableException if no broker's name resolves
   * @throws org.apache.kafka.common.KafkaException if Kafka's client refuses the properties
   */
  public static SandboxClient connect(Map<String, ?> kafka, ClientOptions options) {
    return new SandboxClient(new KafkaSettings(kafka), options);
  }

  /** Returns a user's sandbox, whether it is running or not. Nothing is published. */
  public Sandbox sandbox(UserId user) {
    return new Sandbox(connection, user);
  }

  /**
   * Returns a user's sandbox, as {@link #sandbox(UserId)} does, whose requests count for a tenant
   * of the caller. A tenant's requests take no more of the bounds of {@link ClientOptions} than
   * they leave to others: half of them if there is one tenant. Beyond, a request waits two seconds
   * and then fails with {@link ClientOverloadedException}. Of the calls that read the log, half are
   * a tenant's at most.
   *
   * @param tenant any text that all sandboxes of a tenant are got with
   */
  public Sandbox sandbox(UserId user, String tenant) {
    return new Sandbox(connection.of(tenant), user);
  }

  /**
   * Returns a user's sandbox, whether it is running or not. Nothing is published.
   *
   * @param user the user's id, a lower-case UUID
   * @throws InvalidRequestException if it is not a lower-case UUID
   */
  public Sandbox sandbox(String user) {
    try {
      return sandbox(UserId.parse(user));
    } catch (IllegalArgumentException e) {
      throw new InvalidRequestException("user_id", "user_id: " + e.getMessage());
    }
  }

  /**
   * Follows all users' current sandboxes, with {@link SandboxTable#DEFAULT_MAX_BYTES} of memory.
   * Closing the client closes the table.
   *
   * @throws ClientClosedException if the client is closed
   */
  public SandboxTable sandboxes() {
    return sandboxes(SandboxTable.DEFAULT_MAX_BYTES);
  }

  /**
   * Follows all users' current sandboxes, as {@link #sandboxes()} does.
   *
   * @param maxBytes the most memory for them; each takes 1 to 2 KiB, and twice its labels
   * @throws ClientClosedException if the client is closed
   */
  public SandboxTable sandboxes(long maxBytes) {
    return sandboxes(maxBytes, current -> true);
  }

  /**
   * Follows some users' current sandboxes, otherwise as {@link #sandboxes(long)} does.
   *
   * @param kept which ones; it must not throw
   * @throws ClientClosedException if the client is closed
   */
  public SandboxTable sandboxes(long maxBytes, Predicate<CurrentSandbox> kept) {
    return connection.table(kafka, maxBytes, kept);
  }

  /**
   * Closes the connection. All waiting calls throw {@link ClientClosedException}. Sandboxes and
   * running commands are not affected.
   */
  @Override
  public void close() {
    connection.close();
  }
}
