/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.worker.config.WorkerConfig;
import io.zcbot.sandbox.worker.docker.DockerEngine;
import io.zcbot.sandbox.worker.doctor.Doctor;
import io.zcbot.sandbox.worker.doctor.Finding;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.KafkaException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * The command {@code doctor}: reports whether this host, its engine and its Kafka are fit for
 * sandboxes.
 */
@Command(
    name = "doctor",
    description =
        "Check whether this host, its engine and its Kafka are fit for sandboxes. Changes nothing.")
final class DoctorCommand implements Callable<Integer> {
  private final CommandContext context;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  DoctorCommand(CommandContext context) {
    this.context = context;
  }

  @Override
  public Integer call() throws CommandException, InterruptedException {
    List<Finding> findings = examine(context.config());
    return new FindingsReport(context, "serve").print(findings, json)
        ? ExitCode.OK
        : ExitCode.FAILED;
  }

  private List<Finding> examine(WorkerConfig config) throws CommandException, InterruptedException {
    try (KafkaLog log = new KafkaLog(config.kafka());
        BackgroundTasks aside = new BackgroundTasks()) {
      BackgroundTasks.Work<List<Finding>> kafka = aside.start(() -> kafka(config, log));
      try (DockerEngine engine = Cli.engine(config)) {
        List<Finding> findings = new ArrayList<>(new Doctor(config, engine).host());
        findings.addAll(kafka.result());
        return findings;
      }
    }
  }

  private static List<Finding> kafka(WorkerConfig config, KafkaLog log)
      throws CommandException, InterruptedException {
    try (Admin admin = admin(log)) {
      return Doctor.kafka(config, admin);
    }
  }

  private static Admin admin(KafkaLog log) throws CommandException {
    try {
      return log.clients().admin();
    } catch (KafkaException e) {
      throw log.failed("check Kafka", e);
    }
  }
}
