/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.standalone;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.Map;
import kafka.server.KafkaConfig;
import kafka.server.KafkaRaftServer;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.metadata.storage.Formatter;
import org.apache.kafka.server.common.MetadataVersion;

/**
 * A real Kafka of one node, broker and controller in this process, for a single host that has no
 * Kafka. Listens on loopback only and keeps its log in a directory across restarts.
 */
public final class EmbeddedBroker implements AutoCloseable {
  private static final String LOOPBACK = "127.0.0.1";
  private static final int NODE = 1;

  private final FileChannel lock;
  private final KafkaRaftServer server;
  private final String bootstrapServers;
  private boolean closed;

  private EmbeddedBroker(FileChannel lock, KafkaRaftServer server, String bootstrapServers) {
    this.lock = lock;
    this.server = server;
    this.bootstrapServers = bootstrapServers;
  }

  /**
   * Starts a broker; returns once it serves.
   *
   * @param data directory of its log, made when missing
   * @param port to listen on; 0 for any free one
   * @throws IOException if the directory or the port can't be used; the message says what to do
   */
  public static EmbeddedBroker start(Path data, int port) throws IOException {
    quietLog4j();
    Path directory = data.toAbsolutePath().normalize();
    FileChannel lock = lock(directory);
    try {
      int brokerPort = port == 0 ? FreePort.next() : port;
      requireFree(brokerPort);
      Path log = directory.resolve("kafka");
      format(log);
      KafkaRaftServer server =
          new KafkaRaftServer(
              new KafkaConfig(settings(log, brokerPort, FreePort.next()), false), Time.SYSTEM);
      startup(server, directory);
      return new EmbeddedBroker(lock, server, LOOPBACK + ":" + brokerPort);
    } catch (IOException | RuntimeException e) {
      lock.close();
      throw e;
    }
  }

  /** Where clients reach it. */
  public String bootstrapServers() {
    return bootstrapServers;
  }

  /** Stops it in good order; does nothing the second time. */
  @Override
  public synchronized void close() throws IOException {
    if (closed) {
      return;
    }
    closed = true;
    try (lock) {
      server.shutdown();
      server.awaitShutdown();
    }
  }

  /** Kafka uses log4j to change log levels by JMX; with logback it would only log an error. */
  private static void quietLog4j() {
    if (System.getProperty("log4j2.StatusLogger.level") == null) {
      System.setProperty("log4j2.StatusLogger.level", "OFF");
    }
  }

  /** Kafka has a lock of its own, but its error comes later and is less clear. */
  private static FileChannel lock(Path directory) throws IOException {
    FileChannel channel = null;
    try {
      Files.createDirectories(directory);
      channel =
          FileChannel.open(
              directory.resolve("standalone.lock"),
              StandardOpenOption.CREATE,
              StandardOpenOption.WRITE);
      if (channel.tryLock() != null) {
        return channel;
      }
    } catch (OverlappingFileLockException _) {
      // Held by this very process: the same answer.
    } catch (IOException e) {
      throw new IOException(
          "could not use the data directory "
              + directory
              + ": "
              + e
              + "; choose a writable directory with --data or ZCBOT_STANDALONE_DATA",
          e);
    }
    if (channel != null) {
      channel.close();
    }
    throw new IOException(
        "could not use the data directory "
            + directory
            + ": another standalone process uses it; stop that process, or choose another"
            + " directory with --data or ZCBOT_STANDALONE_DATA");
  }

  private static void requireFree(int port) throws IOException {
    try (ServerSocket probe = new ServerSocket()) {
      probe.setReuseAddress(true); // as the broker does: connections of a former life don't count
      probe.bind(new InetSocketAddress(InetAddress.ofLiteral(LOOPBACK), port));
    } catch (IOException e) {
      throw new IOException(
          "could not serve Kafka on "
              + LOOPBACK
              + ":"
              + port
              + ": "
              + e.getMessage()
              + "; stop the process that listens there, or choose another port with --kafka-port"
              + " or"
              + " ZCBOT_STANDALONE_KAFKA_PORT",
          e);
    }
  }

  private static void format(Path log) throws IOException {
    if (Files.exists(log.resolve("meta.properties"))) {
      return;
    }
    ByteArrayOutputStream said = new ByteArrayOutputStream();
    try (PrintStream out = new PrintStream(said, true, StandardCharsets.UTF_8)) {
      new Formatter()
          .setPrintStream(out)
          .setClusterId(Uuid.randomUuid().toString())
          .setNodeId(NODE)
          .setControllerListenerName("CONTROLLER")
          .addDirectory(log.toString())
          .setMetadataLogDirectory(log.toString())
          .setReleaseVersion(MetadataVersion.latestProduction())
          .setIgnoreFormatted(true)
          .run();
    } catch (Exception e) {
      throw new IOException(
          "could not prepare "
              + log
              + " for Kafka: "
              + e.getMessage()
              + " ("
              + said.toString(StandardCharsets.UTF_8).strip()
              + "); empty the directory, or choose another with --data",
          e);
    }
  }

  private static void startup(KafkaRaftServer server, Path directory) throws IOException {
    try {
      server.startup();
    } catch (RuntimeException | Error e) {
      server.shutdown();
      throw new IOException(
          "could not start Kafka with the data in "
              + directory
              + ": "
              + e
              + "; if the data is damaged, choose another directory with --data",
          e);
    }
  }

  private static Map<String, String> settings(Path log, int port, int controllerPort) {
    Map<String, String> settings = new HashMap<>();
    settings.put("process.roles", "broker,controller");
    settings.put("node.id", Integer.toString(NODE));
    // Static voters: they are not kept in the log, so the port may be another one at each start.
    settings.put("controller.quorum.voters", NODE + "@" + LOOPBACK + ":" + controllerPort);
    settings.put(
        "listeners",
        "PLAINTEXT://"
            + LOOPBACK
            + ":"
            + port
            + ",CONTROLLER://"
            + LOOPBACK
            + ":"
            + controllerPort);
    settings.put("advertised.listeners", "PLAINTEXT://" + LOOPBACK + ":" + port);
    settings.put("listener.security.protocol.map", "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT");
    settings.put("controller.listener.names", "CONTROLLER");
    settings.put("inter.broker.listener.name", "PLAINTEXT");
    settings.put("log.dirs", log.toString());
    settings.put("auto.create.topics.enable", "false");
    replicateOnce(settings);
    joinQuickly(settings);
    stayUnderfoot(settings);
    return settings;
  }

  private static void replicateOnce(Map<String, String> settings) {
    settings.put("default.replication.factor", "1");
    settings.put("min.insync.replicas", "1");
    settings.put("offsets.topic.replication.factor", "1");
    settings.put("offsets.topic.num.partitions", "1");
    settings.put("transaction.state.log.replication.factor", "1");
    settings.put("transaction.state.log.min.isr", "1");
    settings.put("transaction.state.log.num.partitions", "1");
    settings.put("share.coordinator.state.topic.replication.factor", "1");
    settings.put("share.coordinator.state.topic.min.isr", "1");
    settings.put("share.coordinator.state.topic.num.partitions", "1");
  }

  /**
   * The defaults are for large groups: a single worker would wait a second, and a dead one would be
   * replaced after 45.
   */
  private static void joinQuickly(Map<String, String> settings) {
    settings.put("group.initial.rebalance.delay.ms", "0");
    settings.put("group.consumer.assignment.interval.ms", "0");
    settings.put("group.consumer.session.timeout.ms", "10000");
    settings.put("group.consumer.min.session.timeout.ms", "6000");
    settings.put("group.consumer.heartbeat.interval.ms", "3000");
    settings.put("group.consumer.min.heartbeat.interval.ms", "1000");
  }

  /**
   * The broker shares a host with sandboxes: few threads, and less than 128 MiB to clean a small
   * log.
   */
  private static void stayUnderfoot(Map<String, String> settings) {
    settings.put("num.network.threads", "2");
    settings.put("num.io.threads", "4");
    settings.put("background.threads", "2");
    settings.put("log.cleaner.dedupe.buffer.size", "4194304");
  }
}
