/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.config;

import static io.zcbot.sandbox.worker.config.Environment.problem;
import static io.zcbot.sandbox.worker.config.Environment.problems;
import static io.zcbot.sandbox.worker.config.Environment.read;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class KafkaConfigTest {
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          KEY_SERIALIZER            | x       | the Kafka property key.serializer can't be set: the worker serializes records itself
          VALUE_DESERIALIZER        | x       | the Kafka property value.deserializer can't be set: the worker reads bytes, so that it can keep invalid records
          GROUP_ID                  | x       | the Kafka property group.id can't be set: set ZCBOT_GROUP instead
          GROUP_INSTANCE_ID         | x       | the Kafka property group.instance.id can't be set: set ZCBOT_WORKER_ID instead
          CLIENT_ID                 | x       | the Kafka property client.id can't be set: it is derived from ZCBOT_WORKER_ID
          TRANSACTIONAL_ID          | x       | the Kafka property transactional.id can't be set: the worker publishes without transactions
          AUTO_OFFSET_RESET         | latest  | the Kafka property auto.offset.reset can't be set: a new group must start with the oldest ensure
          PARTITIONER_CLASS         | x       | the Kafka property partitioner.class can't be set: a user's records must be in the partition of their key
          ISOLATION_LEVEL           | read_committed | the Kafka property isolation.level must be read_uncommitted: an open transaction would hide later activity, and sandboxes in use would be reaped as idle
          ENABLE_AUTO_COMMIT        | true    | the Kafka property enable.auto.commit must be false: an offset is committed only after the record's effect is published
          PARTITION_ASSIGNMENT_STRATEGY | x   | the Kafka property partition.assignment.strategy can't be set: with another one than cooperative-sticky a worker that joins makes all others reap their sandboxes
          MAX_POLL_INTERVAL_MS      | 59999   | the Kafka property max.poll.interval.ms must be at least 60000: a rebalance waits for running work for up to 50 s
          SESSION_TIMEOUT_MS        | 5999    | the Kafka property session.timeout.ms must be at least 6000: a worker may announce results for 4 s after the group last heard of it
          RETRY_BACKOFF_MS          | 1001    | the Kafka property retry.backoff.ms must be at most 1000: a worker that reaches the group again announces results after 1.5 s, and relies on a heartbeat before
          RETRY_BACKOFF_MAX_MS      | 10000   | the Kafka property retry.backoff.max.ms must be at most 1000: a worker that reaches the group again announces results after 1.5 s, and relies on a heartbeat before
          BATCH_SIZE                | 16777216 | the Kafka property batch.size must be at most 2097152, a quarter of buffer.memory: a batch that finds no room there is never published; lower it, or set buffer.memory to at least 67108864
          MAX_REQUEST_SIZE          | 1048575 | the Kafka property max.request.size must be at least 1048576: the largest valid records could not be forwarded, nor the largest answers be published
          BUFFER_MEMORY             | 1048575 | the Kafka property buffer.memory must be at least 1048576: the largest valid records could not be forwarded, nor the largest answers be published
          RETRIES                   | 0       | the Kafka property retries must be at least 1: without them a published result can be lost
          MAX_IN_FLIGHT_REQUESTS_PER_CONNECTION | 6 | the Kafka property max.in.flight.requests.per.connection must be at most 5: with more results can change places
          ALLOW_AUTO_CREATE_TOPICS  | true    | the Kafka property allow.auto.create.topics must be false: all topics must have the same partition count
          ACKS                      | 0       | the Kafka property acks must be all or -1: with any other value a published result can be lost
          ENABLE_IDEMPOTENCE        | false   | the Kafka property enable.idempotence must be true: without it results can be duplicated or reordered
          REQUEST_TIMEOUT_MS        | soon    | Kafka says: Invalid value soon for configuration request.timeout.ms: Not a number of type INT
          BOOTSTRAP_SERVER          | k:9092  | there is no Kafka property bootstrap.server; did you mean bootstrap.servers?
          SASL_MECHANISMS           | PLAIN   | there is no Kafka property sasl.mechanisms; did you mean sasl.mechanism?
          """)
  void kafkaPropertiesTheWorkerOwnsAreRefusedWithAReason(String key, String value, String problem) {
    assertThat(problem("ZCBOT_KAFKA_" + key, value))
        .isEqualTo("ZCBOT_KAFKA_" + key + "=" + value + ": " + problem);
  }

  @Test
  void batchesHaveRoomInTheMemoryThatIsGiven() throws Exception {
    String size = "ZCBOT_KAFKA_BATCH_SIZE";
    String memory = "ZCBOT_KAFKA_BUFFER_MEMORY";
    assertThat(read(size, "2097152").kafka().properties()).containsEntry("batch.size", "2097152");
    assertThat(read(size, "16777216", memory, "67108864").kafka().properties())
        .containsEntry("batch.size", "16777216");
    assertThat(problems(size, "262145", memory, "1048576"))
        .singleElement()
        .asString()
        .contains("batch.size must be at most 262144", "set buffer.memory to at least 1048580");
  }

  @Test
  void kafkaJudgesTheValuesItKnows() {
    assertThat(problem("ZCBOT_KAFKA_SECURITY_PROTOCOL", "FOO"))
        .startsWith(
            "ZCBOT_KAFKA_SECURITY_PROTOCOL=FOO: Kafka says: Invalid value FOO for configuration"
                + " security.protocol: String must be one of")
        .contains("SASL_SSL");
    assertThat(problem("ZCBOT_KAFKA_GROUP_PROTOCOL", "newest")).contains("must be one of");
  }

  @Test
  void safeValuesOfRestrictedKafkaPropertiesPass() throws Exception {
    assertThat(
            read(
                    "ZCBOT_KAFKA_ACKS", "all",
                    "ZCBOT_KAFKA_ENABLE_IDEMPOTENCE", "TRUE",
                    "ZCBOT_KAFKA_ENABLE_AUTO_COMMIT", "false",
                    "ZCBOT_KAFKA_GROUP_PROTOCOL", "classic")
                .kafka()
                .properties())
        .containsEntry("acks", "all")
        .containsEntry("enable.idempotence", "TRUE")
        .containsEntry("group.protocol", "classic");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          CONSUMER | SESSION_TIMEOUT_MS    | 45000   | session.timeout.ms can be set with group.protocol=classic only; remove it, and set group.consumer.session.timeout.ms of the brokers instead
          consumer | HEARTBEAT_INTERVAL_MS | 1000    | heartbeat.interval.ms can be set with group.protocol=classic only; remove it, and set group.consumer.heartbeat.interval.ms of the brokers instead
                   | HEARTBEAT_INTERVAL_MS | 1000    | heartbeat.interval.ms can be set with group.protocol=classic only; remove it, and set group.consumer.heartbeat.interval.ms of the brokers instead
          Classic  | GROUP_REMOTE_ASSIGNOR | uniform | group.remote.assignor can't be set with group.protocol=classic; remove it
          classic  | HEARTBEAT_INTERVAL_MS | 45000   | heartbeat.interval.ms must be less than session.timeout.ms, which is 45000
          """)
  void propertiesThatTheGroupProtocolExcludesAreRefused(
      String protocol, String key, String value, String problem) {
    Map<String, String> env = new HashMap<>(Map.of("ZCBOT_KAFKA_" + key, value));
    if (protocol != null) {
      env.put("ZCBOT_KAFKA_GROUP_PROTOCOL", protocol);
    }
    assertThat(catchThrowableOfType(ConfigException.class, () -> read(env)).problems())
        .singleElement()
        .hasToString("ZCBOT_KAFKA_" + key + "=" + value + ": the Kafka property " + problem);
  }

  @Test
  void propertiesThatTheGroupProtocolExcludesAreRefusedInTheFileAsWell(@TempDir Path dir)
      throws Exception {
    Path file = Files.writeString(dir.resolve("k.properties"), "session.timeout.ms=45000\n");
    assertThat(problem("ZCBOT_KAFKA_PROPERTIES_FILE", file.toString()))
        .startsWith(file + ", session.timeout.ms=45000: the Kafka property session.timeout.ms");
  }

  @Test
  void theClassicProtocolHasItsTimeouts() throws Exception {
    assertThat(
            read(
                    "ZCBOT_KAFKA_GROUP_PROTOCOL", "CLASSIC",
                    "ZCBOT_KAFKA_SESSION_TIMEOUT_MS", "9000",
                    "ZCBOT_KAFKA_HEARTBEAT_INTERVAL_MS", "8999")
                .kafka()
                .properties())
        .containsEntry("session.timeout.ms", "9000")
        .containsEntry("heartbeat.interval.ms", "8999");
  }

  @Test
  void theEnvironmentWinsOverThePropertiesFile(@TempDir Path dir) throws Exception {
    Path file =
        Files.writeString(
            dir.resolve("kafka.properties"),
            """
            # comment
            bootstrap.servers = file:9092
            security.protocol = SSL
            my.plugin.setting = 1
            """);

    KafkaConfig kafka =
        read(
                "ZCBOT_KAFKA_PROPERTIES_FILE",
                file.toString(),
                "ZCBOT_KAFKA_BOOTSTRAP_SERVERS",
                "env:9092")
            .kafka();

    assertThat(kafka.properties())
        .isEqualTo(
            Map.of(
                "bootstrap.servers",
                "env:9092",
                "security.protocol",
                "SSL",
                "my.plugin.setting",
                "1"));
    assertThat(kafka.bootstrapServers()).isEqualTo("env:9092");
  }

  @Test
  void problemsInThePropertiesFileNameFileAndProperty(@TempDir Path dir) throws Exception {
    Path file = Files.writeString(dir.resolve("k.properties"), "group.id=x\n");
    assertThat(problem("ZCBOT_KAFKA_PROPERTIES_FILE", file.toString()))
        .isEqualTo(
            file
                + ", group.id=x: the Kafka property group.id can't be set: set ZCBOT_GROUP"
                + " instead");
    Path missing = dir.resolve("missing");
    assertThat(problem("ZCBOT_KAFKA_PROPERTIES_FILE", missing.toString()))
        .isEqualTo(
            "ZCBOT_KAFKA_PROPERTIES_FILE="
                + missing
                + ": can't be read (java.nio.file.NoSuchFileException: "
                + missing
                + "); must be an absolute path of a readable Java properties file");
    Path bad = Files.writeString(dir.resolve("bad"), "a=\\u12\n");
    assertThat(problem("ZCBOT_KAFKA_PROPERTIES_FILE", bad.toString())).contains("can't be read");
  }

  @Test
  void secretsAreShownNowhere() throws Exception {
    String secret = "hunter2";
    WorkerConfig config =
        read(
            "ZCBOT_KAFKA_SASL_JAAS_CONFIG", "PlainLoginModule password=" + secret,
            "ZCBOT_KAFKA_SSL_KEY_PASSWORD", secret,
            "ZCBOT_KAFKA_SSL_KEYSTORE_KEY", secret,
            "ZCBOT_KAFKA_SASL_OAUTHBEARER_CLIENT_CREDENTIALS_CLIENT_SECRET", secret);
    assertThat(config.kafka().toString())
        .doesNotContain(secret)
        .contains("sasl.jaas.config=(hidden)");
    assertThat(config.kafka().properties()).containsEntry("ssl.key.password", secret);

    assertThat(problem("ZCBOT_KAFKA_SSL_KEY_PASWORD", secret))
        .doesNotContain(secret)
        .contains("did you mean ssl.key.password?");
    assertThat(problem("ZCBOT_KAFKA_SSL_TRUSTSTORE_PASWORD", secret))
        .doesNotContain(secret)
        .contains("ssl.truststore.password");
    assertThat(problem("ZCBOT_KAKFA_SSL_KEY_PASSWORD", secret)).doesNotContain(secret);
  }

  /** Otherwise a command would silently use the Kafka of the default. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          BOOTSTRP  | ; did you mean bootstrap.servers? Properties
          BOOTSTRAP | ; did you mean bootstrap.servers? Properties
          BROKERS   | ; properties
          MY_TOKEN  | ; properties
          """)
  void aVariableNamesAPropertyOfKafkasOwnClients(String key, String end) throws Exception {
    String name = key.toLowerCase(Locale.ROOT).replace('_', '.');
    assertThat(problem("ZCBOT_KAFKA_" + key, "secret"))
        .isEqualTo(
            "ZCBOT_KAFKA_"
                + key
                + "=…: there is no Kafka property "
                + name
                + end
                + " of plug-ins can be set in ZCBOT_KAFKA_PROPERTIES_FILE only");
  }

  @Test
  void aMistypedKafkaPrefixIsNoticed() {
    assertThat(problem("ZCBOT_KAKFA_BOOTSTRAP_SERVERS", "k:9092"))
        .contains("did you mean ZCBOT_KAFKA_BOOTSTRAP_SERVERS?");
    assertThat(problem("ZCBOT_KAFKA_", "x")).contains("there is no such setting");
  }
}
