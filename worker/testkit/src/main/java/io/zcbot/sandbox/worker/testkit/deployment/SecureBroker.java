/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.testkit.deployment;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import kafka.server.KafkaConfig;
import kafka.server.KafkaRaftServer;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.metadata.storage.Formatter;
import org.apache.kafka.server.common.MetadataVersion;

/**
 * A single-node Kafka in this process that uses encryption, requires a password, and permits
 * nothing to anybody but its administrator.
 */
public final class SecureBroker implements AutoCloseable {
  private static final String LOOPBACK = "127.0.0.1";
  private static final String MECHANISM = "SCRAM-SHA-512";
  private static final String ADMINISTRATOR = "admin";
  private static final String SECRET = "not-a-secret";

  private final Path directory;
  private final KafkaRaftServer server;
  private final String bootstrapServers;

  private SecureBroker(Path directory, KafkaRaftServer server, String bootstrapServers) {
    this.directory = directory;
    this.server = server;
    this.bootstrapServers = bootstrapServers;
  }

  /** Starts a broker for these users. */
  public static SecureBroker start(Path directory, String... users) throws Exception {
    makeCertificate(directory);
    int port = WorkerOps.freePort();
    Path data = directory.resolve("kafka");
    List<String> scram = new ArrayList<>(List.of(scram(ADMINISTRATOR)));
    Arrays.stream(users).map(SecureBroker::scram).forEach(scram::add);
    try (PrintStream quiet = new PrintStream(OutputStream.nullOutputStream())) {
      new Formatter()
          .setPrintStream(quiet)
          .setClusterId(Uuid.randomUuid().toString())
          .setNodeId(1)
          .setControllerListenerName("CONTROLLER")
          .addDirectory(data.toString())
          .setMetadataLogDirectory(data.toString())
          .setReleaseVersion(MetadataVersion.latestProduction())
          .setScramArguments(scram)
          .run();
    }
    KafkaRaftServer server =
        new KafkaRaftServer(
            new KafkaConfig(settings(directory, port, WorkerOps.freePort()), false), Time.SYSTEM);
    server.startup();
    return new SecureBroker(directory, server, LOOPBACK + ":" + port);
  }

  private static String scram(String user) {
    return MECHANISM + "=[name=" + user + ",password=" + SECRET + "]";
  }

  /** With the JDK's own tool, which knows how to sign what it made. */
  private static void makeCertificate(Path directory) throws Exception {
    List<String> common =
        List.of("-alias", "broker", "-keystore", "broker.p12", "-storepass", SECRET);
    keytool(
        directory,
        common,
        "-genkeypair -keyalg EC -dname CN=broker -validity 7 -ext SAN=ip:127.0.0.1,dns:localhost");
    keytool(directory, common, "-exportcert -rfc -file broker.pem");
  }

  private static void keytool(Path directory, List<String> common, String arguments)
      throws Exception {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "keytool").toString());
    command.addAll(List.of(arguments.split(" ")));
    command.addAll(common);
    Process process =
        new ProcessBuilder(command).directory(directory.toFile()).redirectErrorStream(true).start();
    String said = new String(process.getInputStream().readAllBytes());
    if (process.waitFor() != 0) {
      throw new IOException(command + " failed: " + said);
    }
  }

  private static Map<String, String> settings(Path directory, int port, int controllerPort) {
    Map<String, String> all = new TreeMap<>();
    all.put("process.roles", "broker,controller");
    all.put("node.id", "1");
    all.put("controller.quorum.voters", "1@" + LOOPBACK + ":" + controllerPort);
    all.put(
        "listeners",
        "SASL_SSL://%s:%d,CONTROLLER://%s:%d".formatted(LOOPBACK, port, LOOPBACK, controllerPort));
    all.put("listener.security.protocol.map", "SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT");
    all.put("controller.listener.names", "CONTROLLER");
    all.put("inter.broker.listener.name", "SASL_SSL");
    all.put("sasl.enabled.mechanisms", MECHANISM);
    all.put("sasl.mechanism.inter.broker.protocol", MECHANISM);
    all.put("listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config", login(ADMINISTRATOR));
    all.put("ssl.keystore.location", directory.resolve("broker.p12").toString());
    all.put("ssl.keystore.type", "PKCS12");
    all.put("ssl.keystore.password", SECRET);
    all.put("ssl.truststore.location", directory.resolve("broker.pem").toString());
    all.put("ssl.truststore.type", "PEM");
    all.put("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer");
    all.put("allow.everyone.if.no.acl.found", "false");
    // The controller's listener is the node's own; nobody else connects there.
    all.put("super.users", "User:" + ADMINISTRATOR + ";User:ANONYMOUS");
    all.put("log.dirs", directory.resolve("kafka").toString());
    all.put("auto.create.topics.enable", "false");
    all.put("default.replication.factor", "1");
    all.put("offsets.topic.replication.factor", "1");
    all.put("offsets.topic.num.partitions", "1");
    all.put("share.coordinator.state.topic.replication.factor", "1");
    all.put("share.coordinator.state.topic.num.partitions", "1");
    all.put("group.initial.rebalance.delay.ms", "0");
    all.put("group.consumer.assignment.interval.ms", "0");
    all.put("group.consumer.min.session.timeout.ms", "5000");
    all.put("group.consumer.session.timeout.ms", "6000");
    all.put("group.consumer.min.heartbeat.interval.ms", "500");
    all.put("group.consumer.heartbeat.interval.ms", "500");
    all.put("num.network.threads", "2");
    all.put("num.io.threads", "4");
    all.put("background.threads", "2");
    all.put("log.cleaner.dedupe.buffer.size", "4194304");
    return all;
  }

  private static String login(String user) {
    return "org.apache.kafka.common.security.scram.ScramLoginModule required username=\""
        + user
        + "\" password=\""
        + SECRET
        + "\";";
  }

  public String bootstrapServers() {
    return bootstrapServers;
  }

  /** The client properties with which a user connects. */
  public Map<String, String> clientOf(String user) {
    return Map.of(
        "security.protocol",
        "SASL_SSL",
        "sasl.mechanism",
        MECHANISM,
        "sasl.jaas.config",
        login(user),
        "ssl.truststore.type",
        "PEM",
        "ssl.truststore.location",
        directory.resolve("broker.pem").toString());
  }

  /** The client properties of the administrator. */
  public Map<String, String> administrator() {
    return clientOf(ADMINISTRATOR);
  }

  /** A client of the administrator's. */
  public Admin admin() {
    Map<String, Object> client = new TreeMap<>(administrator());
    client.put("bootstrap.servers", bootstrapServers);
    return Admin.create(client);
  }

  @Override
  public void close() {
    server.shutdown();
    server.awaitShutdown();
  }
}
