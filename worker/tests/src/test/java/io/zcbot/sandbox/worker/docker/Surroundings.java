/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import io.zcbot.sandbox.worker.testkit.machine.Commands;
import io.zcbot.sandbox.worker.testkit.machine.EngineHost;
import io.zcbot.sandbox.worker.testkit.machine.RunLock;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * An engine in a separate network namespace and, beyond it in another one, an internet that has a
 * public address, a private one, and a cloud's metadata service. All of them, and the engine's
 * host, send a greeting on each connection.
 */
final class Surroundings implements AutoCloseable {
  static final String PUBLIC = "203.0.113.10";
  static final String OTHER_PUBLIC = "203.0.113.11";
  static final String PG = "203.0.113.7";
  static final String PRIVATE = "10.99.0.1";
  static final String METADATA = "169.254.169.254";
  static final String HOST = "192.0.2.2";
  static final String PUBLIC6 = "2001:db8:feed::10";
  static final String PRIVATE6 = "fd99::1";
  static final String HOST6 = "2001:db8:feed:1::2";

  private final RunLock lock;
  private final String world;
  private final List<Process> servers = new ArrayList<>();
  final EngineHost engine;

  Surroundings(Path base, String name, String... options) throws Exception {
    world = "zcbot-" + name + "-world";
    lock = RunLock.take(base.resolve(name + ".lock"));
    try {
      Commands.tryRun("ip", "netns", "del", world);
      Path image = base.resolve(name + ".tar");
      EngineHost.saveImage(image);
      engine = EngineHost.start(base, name, image, options);
      Files.delete(image);
      Commands.run("ip", "netns", "add", world);
      connect(engine.namespace());
      serve(world, PUBLIC, PRIVATE, PUBLIC6);
      serve(engine.namespace());
    } catch (Exception e) {
      lock.close();
      throw e;
    }
  }

  private void connect(String host) throws Exception {
    Commands.run("ip", "-n", host, "route", "del", METADATA); // it leads nowhere
    Commands.run(
        "ip", "-n", host, "link", "add", "up0", "type", "veth", "peer", "name", "down0", "netns",
        world);
    inHost(
        "link set up0 up", "addr add " + HOST + "/24 dev up0", "route add default via 192.0.2.1");
    Commands.run(
        "ip", "netns", "exec", host, "sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/all/forwarding");
    inHost(
        "-6 addr add " + HOST6 + "/64 dev up0 nodad",
        "-6 route add default via 2001:db8:feed:1::1");
    inWorld("link set lo up", "link set down0 up", "addr add 192.0.2.1/24 dev down0");
    for (String address : List.of(PUBLIC, OTHER_PUBLIC, PG, PRIVATE, METADATA)) {
      inWorld("addr add " + address + "/32 dev lo");
    }
    inWorld("-6 addr add 2001:db8:feed:1::1/64 dev down0 nodad");
    for (String address : List.of(PUBLIC6, PRIVATE6)) {
      inWorld("-6 addr add " + address + "/128 dev lo nodad");
    }
    inWorld("-6 route add default via " + HOST6);
  }

  private void inHost(String... commands) throws Exception {
    ip(engine.namespace(), commands);
  }

  private void inWorld(String... commands) throws Exception {
    ip(world, commands);
  }

  private static void ip(String namespace, String... commands) throws Exception {
    for (String command : commands) {
      List<String> words = new ArrayList<>(List.of("ip", "-n", namespace));
      words.addAll(List.of(command.split(" ")));
      Commands.run(words.toArray(String[]::new));
    }
  }

  private void serve(String namespace, String... resolvers) throws IOException {
    List<String> command =
        new ArrayList<>(
            List.of(
                "ip",
                "netns",
                "exec",
                namespace,
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                Path.of(World.class.getProtectionDomain().getCodeSource().getLocation().getPath())
                    .toString(),
                World.class.getName()));
    command.addAll(List.of(resolvers));
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    // Java says on its output what it takes from them.
    builder.environment().keySet().removeAll(Set.of("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS"));
    Process server = builder.start();
    servers.add(server);
    BufferedReader said = server.inputReader(StandardCharsets.UTF_8);
    String line = said.readLine();
    if (!"greeting".equals(line)) {
      throw new IOException("nobody serves in " + namespace + ": " + line);
    }
  }

  /** Runs nft on the engine's host. */
  String nft(String... words) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of("ip", "netns", "exec", engine.namespace()));
    command.add("nft");
    command.addAll(List.of(words));
    return Commands.run(command.toArray(String[]::new));
  }

  @Override
  public void close() throws IOException {
    servers.forEach(Process::destroyForcibly);
    try {
      engine.close();
      Commands.tryRun("ip", "netns", "del", world);
      lock.close();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while clearing away");
    }
  }
}
