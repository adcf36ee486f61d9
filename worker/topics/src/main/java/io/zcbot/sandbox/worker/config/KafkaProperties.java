/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.config;

import java.io.IOException;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.jspecify.annotations.Nullable;

/**
 * Collects Kafka client properties from the environment and a file. Refuses those that only the
 * worker sets, values that would break its guarantees, and names that look misspelt. A variable
 * must name a property of Kafka's own clients, as any other variable must name a setting; a file
 * may also have properties of plug-ins.
 */
final class KafkaProperties {
  private static final Pattern SECRET =
      Pattern.compile("password|passphrase|jaas|token|secret|credential|key(?!\\.(de)?serializer)");
  private static final String MASK = "(hidden)";

  /** How many edits a name may need to be taken for another one. */
  private static final int MOST_EDITS = 2;

  /** Properties that only the worker sets, with the reason. */
  private static final Map<String, String> OWNED =
      Map.ofEntries(
          Map.entry("key.serializer", "the worker serializes records itself"),
          Map.entry("value.serializer", "the worker serializes records itself"),
          Map.entry(
              "key.deserializer",
              "the worker reads bytes, so that it can keep invalid" + " records"),
          Map.entry(
              "value.deserializer",
              "the worker reads bytes, so that it can keep invalid" + " records"),
          Map.entry("group.id", "set ZCBOT_GROUP instead"),
          Map.entry("group.instance.id", "set ZCBOT_WORKER_ID instead"),
          Map.entry("client.id", "it is derived from ZCBOT_WORKER_ID"),
          Map.entry("transactional.id", "the worker publishes without transactions"),
          Map.entry("auto.offset.reset", "a new group must start with the oldest ensure"),
          Map.entry(
              "partition.assignment.strategy",
              "with another one than cooperative-sticky a worker that joins makes all others reap"
                  + " their sandboxes"),
          Map.entry("partitioner.class", "a user's records must be in the partition of their key"),
          Map.entry(
              "partitioner.ignore.keys", "a user's records must be in the partition of their key"));

  /** Properties of which only some values are safe, with the reason. */
  private static final Map<String, Only> RESTRICTED =
      Map.of(
          "isolation.level",
          new Only(
              Set.of("read_uncommitted"),
              "an open transaction would hide later activity, and sandboxes in use would be"
                  + " reaped as idle"),
          "enable.auto.commit",
          new Only(
              Set.of("false"),
              "an offset is committed only after the record's effect is" + " published"),
          "allow.auto.create.topics",
          new Only(Set.of("false"), "all topics must have the same partition count"),
          "acks",
          new Only(Set.of("all", "-1"), "with any other value a published result can be lost"),
          "enable.idempotence",
          new Only(Set.of("true"), "without it results can be duplicated or reordered"));

  private static final String PROTOCOL = ConsumerConfig.GROUP_PROTOCOL_CONFIG;
  private static final String ASSIGNOR = ConsumerConfig.GROUP_REMOTE_ASSIGNOR_CONFIG;
  private static final String SESSION = ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG;
  private static final String HEARTBEAT = ConsumerConfig.HEARTBEAT_INTERVAL_MS_CONFIG;
  private static final String DEFAULT_SESSION =
      String.valueOf(ConsumerConfig.configDef().defaultValues().get(SESSION));

  private static final List<ConfigDef> CLIENTS =
      List.of(
          ConsumerConfig.configDef(), ProducerConfig.configDef(), AdminClientConfig.configDef());

  private record Only(Set<String> values, String reason) {}

  private final Map<String, String> properties = new HashMap<>();

  /** The environment variable or the file entry that set each property, for messages. */
  private final Map<String, String> keys = new HashMap<>();

  private final Problems problems;
  private final Kind<String> brokers;

  interface Problems {
    void add(String key, String value, String problem);
  }

  /**
   * Creates an empty collection.
   *
   * @param problems receives everything that is wrong
   * @param brokers the allowed form of {@code bootstrap.servers}
   */
  KafkaProperties(Problems problems, Kind<String> brokers) {
    this.problems = problems;
    this.brokers = brokers;
  }

  /**
   * Adds the properties of a file.
   *
   * @param key the setting that names the file
   * @param allowed what the value of that setting must be
   */
  void addFile(String key, Path file, String allowed) {
    Properties read = new Properties();
    try (Reader in = Files.newBufferedReader(file, StandardCharsets.UTF_8)) {
      read.load(in);
    } catch (IOException | IllegalArgumentException e) {
      problems.add(key, file.toString(), "can't be read (" + e + "); must be " + allowed);
      return;
    }
    for (String name : new TreeSet<>(read.stringPropertyNames())) {
      add(file + ", " + name, name, read.getProperty(name).strip());
    }
  }

  /**
   * Adds variables such as {@code ZCBOT_KAFKA_SASL_MECHANISM}.
   *
   * @param fileKey the setting that names the file, for messages
   */
  void addEnvironment(String prefix, Map<String, String> variables, String fileKey) {
    variables.forEach(
        (key, value) -> {
          String name = key.substring(prefix.length()).toLowerCase(Locale.ROOT).replace('_', '.');
          if (isKnown(name) || OWNED.containsKey(name) || nearest(name) != null) {
            add(key, name, value);
          } else {
            // The value is not shown, because it may be a secret.
            problems.add(key, "…", unknown(name, fileKey));
          }
        });
  }

  private static String unknown(String name, String fileKey) {
    String beginsAlike = beginsAlike(name);
    return "there is no Kafka property "
        + name
        + (beginsAlike == null ? "" : "; did you mean " + beginsAlike + "?")
        + (beginsAlike == null ? "; properties" : " Properties")
        + " of plug-ins can be set in "
        + fileKey
        + " only";
  }

  /** Checks properties that depend on others, and returns all valid ones. */
  Map<String, String> result() {
    String batches = KafkaBounds.problemOfBatches(properties);
    if (batches != null) {
      refuse(ProducerConfig.BATCH_SIZE_CONFIG, batches);
    }
    if ("classic".equalsIgnoreCase(properties.get(PROTOCOL))) {
      refuse(ASSIGNOR, "can't be set with group.protocol=classic; remove it");
      String session = properties.getOrDefault(SESSION, DEFAULT_SESSION);
      String heartbeat = properties.getOrDefault(HEARTBEAT, "0");
      if (Integer.parseInt(heartbeat.strip()) >= Integer.parseInt(session.strip())) {
        refuse(HEARTBEAT, "must be less than session.timeout.ms, which is " + session);
      }
    } else {
      for (String name : List.of(SESSION, HEARTBEAT)) {
        refuse(
            name,
            "can be set with group.protocol=classic only; remove it, and set group.consumer."
                + name
                + " of the brokers instead");
      }
    }
    return properties;
  }

  private void refuse(String name, String problem) {
    String value = properties.remove(name);
    if (value != null) {
      problems.add(
          keys.getOrDefault(name, name), value, "the Kafka property " + name + " " + problem);
    }
  }

  static String masked(String name, String value) {
    return isSecret(name) ? MASK : value;
  }

  private static boolean isSecret(String name) {
    return SECRET.matcher(name.toLowerCase(Locale.ROOT)).find();
  }

  private void add(String key, String name, String value) {
    String problem = problemWith(name, value);
    if (problem == null) {
      properties.put(name, value);
      keys.put(name, key);
    } else {
      // Masks the value also if the misspelt name was meant for a secret.
      String meant = isKnown(name) ? name : String.valueOf(nearest(name));
      problems.add(key, masked(meant, masked(name, value)), problem);
    }
  }

  private @Nullable String problemWith(String name, String value) {
    String owner = OWNED.get(name);
    if (owner != null) {
      return "the Kafka property " + name + " can't be set: " + owner;
    }
    Only only = RESTRICTED.get(name);
    if (only != null && !only.values.contains(value.toLowerCase(Locale.ROOT))) {
      return "the Kafka property "
          + name
          + " must be "
          + String.join(" or ", new TreeSet<>(only.values).descendingSet())
          + ": "
          + only.reason;
    }
    String outOfBounds = KafkaBounds.problem(name, value);
    if (outOfBounds != null) {
      return outOfBounds;
    }
    if (name.equals("bootstrap.servers")) {
      try {
        brokers.parse(value);
      } catch (Kind.RefusedException e) {
        return e.getMessage();
      }
    }
    return isKnown(name) ? invalid(name, value) : misspelt(name);
  }

  private static boolean isKnown(String name) {
    return CLIENTS.stream().anyMatch(client -> client.names().contains(name));
  }

  /** Validates a value with the definitions of Kafka's clients; returns the problem or null. */
  private static @Nullable String invalid(String name, String value) {
    return CLIENTS.stream()
        .filter(client -> client.names().contains(name))
        .flatMap(client -> client.validate(Map.of(name, value)).stream())
        .filter(result -> result.name().equals(name))
        .flatMap(result -> result.errorMessages().stream())
        .findFirst()
        .map(message -> isSecret(name) ? "Kafka refuses the value" : "Kafka says: " + message)
        .orElse(null);
  }

  /**
   * Returns a problem only for what looks like a typo: plug-ins have properties of their own, which
   * are passed through.
   */
  private static @Nullable String misspelt(String name) {
    String nearest = nearest(name);
    return nearest == null
        ? null
        : "there is no Kafka property " + name + "; did you mean " + nearest + "?";
  }

  private static @Nullable String nearest(String name) {
    Set<String> known = new TreeSet<>();
    CLIENTS.forEach(client -> known.addAll(client.names()));
    return Spelling.nearest(name, known, MOST_EDITS);
  }

  /**
   * Returns the shortest property whose first part is the name, apart from a typo; null if there is
   * none.
   */
  private static @Nullable String beginsAlike(String name) {
    return CLIENTS.stream()
        .flatMap(client -> client.names().stream())
        .filter(known -> Spelling.edits(name, known.split("\\.", 2)[0]) <= name.length() / 4)
        .min(Comparator.comparingInt(String::length).thenComparing(Comparator.naturalOrder()))
        .orElse(null);
  }
}
