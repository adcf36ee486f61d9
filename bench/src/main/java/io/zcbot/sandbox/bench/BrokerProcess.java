/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.bench;

import io.zcbot.sandbox.standalone.EmbeddedBroker;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.StringJoiner;
import javax.management.JMException;
import javax.management.MBeanServer;
import javax.management.ObjectName;

/**
 * The standalone's broker in a JVM of its own: prints where it serves, answers each line with the
 * times that its requests took, and ends with its input.
 */
final class BrokerProcess {
  /** Begins the line that says where it serves. */
  static final String ANNOUNCEMENT = "broker serves on ";

  private BrokerProcess() {}

  public static void main(String[] args) throws Exception {
    try (EmbeddedBroker broker = EmbeddedBroker.start(Path.of(args[0]), 0)) {
      System.out.println(ANNOUNCEMENT + broker.bootstrapServers());
      BufferedReader in =
          new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
      while (in.readLine() != null) {
        System.out.println(requests());
      }
    }
    System.exit(0);
  }

  /** For each kind of request and part of its time, how many there were and their mean. */
  private static String requests() throws JMException {
    MBeanServer beans = ManagementFactory.getPlatformMBeanServer();
    StringJoiner all = new StringJoiner(";");
    for (String request : RequestTimes.REQUESTS) {
      for (String part : RequestTimes.PARTS) {
        ObjectName name =
            new ObjectName(
                "kafka.network:type=RequestMetrics,name=" + part + ",request=" + request);
        all.add(
            beans.isRegistered(name)
                ? request
                    + " "
                    + part
                    + " "
                    + beans.getAttribute(name, "Count")
                    + " "
                    + beans.getAttribute(name, "Mean")
                : request + " " + part + " 0 0");
      }
    }
    return all.toString();
  }
}
